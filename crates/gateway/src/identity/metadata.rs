//! How a client that has no token learns where to get one: RFC 9728.

use std::sync::Arc;

use bakerst_model::Code;
use serde_json::json;

use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::reply::Reply;

/// Where the document is, before the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// `GET /.well-known/oauth-protected-resource`: what we are called, and who issues tokens for us.
pub(crate) fn serve(gateway: &Arc<Gateway>) -> Result<Reply, Problem> {
    let issued = gateway.issued().ok_or_else(|| Problem::from(Code::NoSuchPath))?;
    Reply::json(&json!({
        "resource": issued.issuer.audience,
        "authorization_servers": [issued.issuer.issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "Baker Street",
    }))
}

impl Gateway {
    /// The address of that document, as clients know us.
    pub(crate) fn metadata_address(&self) -> Option<String> {
        let issued = self.issued()?;
        let (scheme, rest) = issued.issuer.audience.split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Some(format!("{scheme}://{host}{WELL_KNOWN}{slash}{path}"))
    }
}
