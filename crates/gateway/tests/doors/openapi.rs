//! The document and what is served say the same.

use serde_json::{Value, json};

use crate::issued::Trusting;
use crate::support::{Client, House};

#[test]
fn the_document_reads_as_it_did() {
    insta::assert_json_snapshot!(bakerst_gateway::openapi_document());
}

/// All `(method, path)` that the document names.
fn documented() -> Vec<(String, String)> {
    let document = bakerst_gateway::openapi_document();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    // Some of it is there only where an issuer is trusted.
    let house = Trusting::new().await.house;
    let documented = documented();
    let mut paths: Vec<_> = documented.iter().map(|(_, path)| path.clone()).collect();
    paths.dedup();
    for path in paths {
        let concrete = path.replace("{id}", "apr-1").replace("{token}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let mut nobody = Client::tcp(house.address, None).await;
            let reply = nobody.exchange(&format!("{method} {concrete}"), "", b"").await;
            let served = ![404, 405].contains(&reply.status);
            let named = documented.contains(&(method.to_owned(), path.clone()));
            assert_eq!(served, named, "{method} {path}: {}", reply.status);
        }
    }
    let mut nobody = Client::tcp(house.address, None).await;
    let served = nobody.get("/openapi.json").await;
    assert_eq!(served.json(), bakerst_gateway::openapi_document());
}

#[tokio::test]
async fn what_is_guarded_says_so() {
    let house = House::new().await;
    let document = bakerst_gateway::openapi_document();
    for (method, path) in documented() {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let concrete = path.replace("{id}", "apr-1").replace("{token}", "x");
        let mut nobody = Client::tcp(house.address, None).await;
        let reply = nobody.exchange(&format!("{method} {concrete}"), "", b"").await;
        let guarded = operation.get("security").is_some();
        assert_eq!(reply.status == 401, guarded, "{method} {path}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = bakerst_gateway::openapi_document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert_eq!(document["openapi"], json!("3.1.0"));
}
