//! What a program on the official Rust SDK sees of a server: `sdk-rmcp ADDRESS`, with the calls to
//! make in `CALLS` and the token in `TOKEN`.
#![forbid(unsafe_code)]

use std::env;

use anyhow::{Context as _, Result};
use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, GetPromptRequestParams, ReadResourceRequestParams};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).context("no address is given")?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(address);
    if let Ok(token) = env::var("TOKEN") {
        config = config.auth_header(token);
    }
    let calls: Vec<Value> = serde_json::from_str(&env::var("CALLS").unwrap_or("[]".into()))?;
    let client = ().serve(StreamableHttpClientTransport::from_config(config)).await?;
    told("tools", &client.list_all_tools().await?);
    told("resources", &client.list_all_resources().await?);
    told("prompts", &client.list_all_prompts().await?);
    for call in calls {
        let name = call["name"].as_str().unwrap_or_default().to_owned();
        let arguments = call["arguments"].as_object().cloned();
        if let Some(uri) = call["uri"].as_str() {
            told(uri, &client.read_resource(ReadResourceRequestParams::new(uri)).await?);
        } else if call["prompt"] == true {
            let mut wanted = GetPromptRequestParams::new(name.clone());
            wanted.arguments = arguments;
            told(&name, &client.get_prompt(wanted).await?);
        } else {
            let mut wanted = CallToolRequestParams::new(name.clone());
            wanted.arguments = arguments;
            told(&name, &client.call_tool(wanted).await?);
        }
    }
    client.cancel().await?;
    Ok(())
}

fn told(what: &str, result: &impl serde::Serialize) {
    println!("{}", json!({ "what": what, "result": result }));
}
