// Logs in at a server as its operator would, by the official SDK, and then runs a client that uses
// what it was given: `node login.mjs SCRIPT ADDRESS`, where the script takes the address and finds the
// server's token in `BEARER`. The suite's authorization server sends whoever asks straight back.

import { spawn } from "node:child_process";
import { StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";

const [script, address] = process.argv.slice(2);
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");

/** What the operator's program remembers while it logs in. */
class Login {
  redirectUrl = "http://localhost:3000/callback";
  clientMetadataUrl = "https://conformance-test.local/client-metadata.json";
  clientMetadata = {
    client_name: "conformance-operator",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: "native",
  };
  #client = context.client_id ? { client_id: context.client_id, client_secret: context.client_secret } : undefined;
  #tokens;
  #verifier;

  clientInformation() { return this.#client; }
  saveClientInformation(client) { this.#client = client; }
  tokens() { return this.#tokens; }
  saveTokens(tokens) { this.#tokens = tokens; }
  codeVerifier() { return this.#verifier; }
  saveCodeVerifier(verifier) { this.#verifier = verifier; }
  async redirectToAuthorization(url) {
    const response = await fetch(url, { redirect: "manual" });
    this.returned = new URL(response.headers.get("location")).searchParams;
  }
}

const login = new Login();
const transport = new StreamableHTTPClientTransport(new URL(address), { authProvider: login });
await transport.start();
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "operator", version: "1.0.0" } };
try {
  await transport.send({ jsonrpc: "2.0", id: 0, method: "initialize", params });
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
}
await transport.finishAuth(login.returned);
await transport.close();

const env = { ...process.env, BEARER: login.tokens().access_token };
const client = spawn(process.execPath, [new URL(script, import.meta.url).pathname, address], { env, stdio: "inherit" });
process.exitCode = await new Promise((resolve) => client.on("exit", (code) => resolve(code ?? 1)));
