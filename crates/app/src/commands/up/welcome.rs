//! What `up` says once it serves: where, with which policy, and settings to paste.

use serde_json::json;

use super::Serving;
use crate::commands::check;
use crate::print::{self, Style};

pub(super) fn say(serving: &Serving, json: bool) {
    let warnings = check::warnings(&serving.config, &serving.gateway.policy());
    if json {
        print::json(&json!({
            "address": serving.address,
            "socket": serving.socket,
            "control": serving.control,
            "state": serving.places.state(),
            "policy": serving.gateway.policy().digest(),
            "token": serving.first_token,
            "warnings": warnings,
        }));
        return;
    }
    let style = Style::for_stdout();
    let row = |name: &str, text: &str| {
        print::line(format!("  {} {text}", style.dim(&format!("{name:10}"))));
    };
    let policy = serving.gateway.policy();
    print::line(format!("{} {}", style.bold("Baker Street"), style.green("guards")));
    row("hooks", &format!("http://{}/v1/guard/before, /after, /audit", serving.address));
    if serving.config.gateway.has_servers() {
        let address = serving.address;
        row("mcp", &format!("http://{address}/mcp (all servers), /mcp/SERVER (one)"));
    }
    if let Some(socket) = &serving.socket {
        row("socket", &socket.display().to_string());
    }
    let file = serving.config.file.as_ref().map(|file| file.display().to_string());
    row(
        "config",
        file.as_deref().unwrap_or("built in (`bakerst check --print-default` prints it)"),
    );
    row("policy", &format!("{}, {} tools", policy.digest(), policy.source().tools.len()));
    row("state", &serving.places.state().display().to_string());
    row("ready", &format!("http://{}/readyz", serving.address));
    warnings.iter().for_each(|warning| row("warning", &style.yellow(warning)));
    match &serving.first_token {
        Some(token) => {
            row("token", &format!("{} (shown this once)", style.bold(token)));
            snippets(serving, token);
        }
        None => row("tokens", "made earlier; `bakerst token create` makes another"),
    }
    print::line(style.dim("\nAnswer waiting calls with `bakerst approvals list`. Ctrl-C stops."));
}

/// Settings that work as they stand.
fn snippets(serving: &Serving, token: &str) {
    let style = Style::for_stdout();
    let address = serving.address;
    print::line(style.dim("\nTry it, in a shell:"));
    print::line(format!(
        "curl -s http://{address}/v1/guard/before -H 'authorization: Bearer {token}' \\\n  \
         -H 'content-type: application/json' \\\n  \
         -d '{{\"conversationId\":\"c1\",\"toolName\":\"timezone_lookup\",\"toolInput\":{{\"city\":\"Tokyo\"}}}}'"
    ));
    if serving.config.gateway.has_servers() {
        print::line(style.dim("\nIn an MCP client's configuration:"));
        print::line(format!(
            "{{ \"mcpServers\": {{ \"bakerst\": {{ \"type\": \"http\", \"url\": \"http://{address}/mcp\",\n  \
             \"headers\": {{ \"Authorization\": \"Bearer {token}\" }} }} }} }}"
        ));
    }
    print::line(style.dim("\nIn an application, before every tool call (TypeScript):"));
    print::line(format!(
        "const guard = async (ctx) => (await fetch('http://{address}/v1/guard/before?wait=60s', {{\n  \
         method: 'POST', body: JSON.stringify(ctx),\n  \
         headers: {{ authorization: 'Bearer {token}', 'content-type': 'application/json' }},\n}})).json();"
    ));
    print::line(style.dim("\nThe same in Python:"));
    print::line(format!(
        "import json, urllib.request\ndef guard(ctx):\n    \
         request = urllib.request.Request('http://{address}/v1/guard/before?wait=60s', json.dumps(ctx).encode(),\n        \
         {{'authorization': 'Bearer {token}', 'content-type': 'application/json'}})\n    \
         return json.load(urllib.request.urlopen(request))"
    ));
}
