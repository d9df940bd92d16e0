//! Servers behind TLS.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use bakerst_gateway::{McpAddress, McpServer, McpServers, ServerError};
use bakerst_model::Limits;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{JSON, LEGACY, call, post};
use crate::support::{House, said};

/// A server with a certificate for `localhost` by an authority that only its file knows.
struct Secured {
    url: String,
    ca_file: PathBuf,
    _folder: TempDir,
}

impl Secured {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever does not trust us hangs up.
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let service = service_fn(async |_| {
                    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [] } });
                    Ok::<_, Infallible>(said(200, JSON, answer.to_string()))
                });
                let http = hyper::server::conn::http1::Builder::new();
                http.serve_connection(TokioIo::new(stream), service).await.ok();
            }
        });
        Self { url, ca_file, _folder: folder }
    }

    fn server(&self, ca_file: Option<PathBuf>) -> McpServer {
        address(&self.url, ca_file)
    }
}

fn address(url: &str, ca_file: Option<PathBuf>) -> McpServer {
    let url = url.parse().unwrap();
    McpServer::Http(McpAddress { url, bearer: None, headers: BTreeMap::new(), ca_file })
}

#[tokio::test]
async fn a_server_is_held_against_who_may_vouch_for_it() {
    let house = House::new().await;
    let secured = Secured::start().await;
    let another = Secured::start().await;
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    for (ca_file, is_trusted) in [(&secured.ca_file, true), (&another.ca_file, false)] {
        house.put(secured.server(Some(ca_file.clone())));
        let reply = post(&mut house.tcp().await, LEGACY, &lookup).await.json();
        match is_trusted {
            true => {
                assert!(reply["result"].is_object(), "{reply}");
                // It hears one connection at a time, so this one comes by the same.
                let again = post(&mut house.tcp().await, LEGACY, &lookup).await.json();
                assert!(again["result"].is_object(), "{again}");
            }
            false => assert_eq!(reply["error"]["message"], "the server cannot be reached"),
        }
    }
}

#[test]
fn what_cannot_be_trusted_is_refused_when_it_is_configured() {
    let refused = |url: &str, ca_file: Option<&str>| {
        let server = address(url, ca_file.map(PathBuf::from));
        let servers = McpServers::new([("files".to_owned(), server)], &Limits::default());
        servers.err().map(|(_, error)| error)
    };
    assert_eq!(refused("http://localhost/mcp", None), None);
    let needless = refused("http://localhost/mcp", Some("/nowhere"));
    assert_eq!(needless, Some(ServerError::NeedlessRoots));
    let missing = refused("https://localhost/mcp", Some("/nowhere")).unwrap().to_string();
    assert!(missing.contains("cannot use `/nowhere`"), "{missing}");
    assert!(matches!(refused("ftp://localhost/mcp", None), Some(ServerError::Url { .. })));
    assert!(matches!(refused("http://me@localhost/mcp", None), Some(ServerError::Url { .. })));
}
