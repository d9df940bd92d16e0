// What a program on the official TypeScript SDK sees of a server: `node sdk.mjs ADDRESS`, or
// `node sdk.mjs -- PROGRAM…` for one behind pipes; with `TRANSPORT=sse` the address is the one to
// listen at, of two. The calls to make stand in `CALLS`.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const { TOKEN, CALLS = "[]", MODE = "auto", TRANSPORT = "http" } = process.env;
const words = process.argv.slice(2);

const transport = () => {
  if (words[0] === "--") {
    const [, command, ...args] = words;
    return new StdioClientTransport({ command, args, env: process.env, stderr: "ignore" });
  }
  if (TRANSPORT === "sse") return new SSEClientTransport(new URL(words[0]));
  const headers = TOKEN ? { authorization: `Bearer ${TOKEN}` } : {};
  return new StreamableHTTPClientTransport(new URL(words[0]), { requestInit: { headers } });
};

const client = new Client({ name: "sdk-client", version: "1.0.0" }, { versionNegotiation: { mode: MODE } });
const told = (what, result) => console.log(JSON.stringify({ what, result }));

/** An error is something to be seen as well. */
const attempt = async (what, work) => {
  try {
    told(what, await work());
  } catch (error) {
    told(what, { error: error.message, code: error.code });
  }
};

await client.connect(transport());
told("server", client.getServerVersion());
await attempt("tools", () => client.listTools());
const offered = client.getServerCapabilities() ?? {};
if (offered.resources) await attempt("resources", () => client.listResources());
if (offered.prompts) await attempt("prompts", () => client.listPrompts());
for (const call of JSON.parse(CALLS)) {
  await attempt(call.name ?? call.uri, () => {
    if (call.uri) return client.readResource({ uri: call.uri });
    if (call.prompt) return client.getPrompt({ name: call.name, arguments: call.arguments });
    return client.callTool({ name: call.name, arguments: call.arguments ?? {} });
  });
}
await client.close();
