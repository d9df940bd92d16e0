// A client that does what the suite's client scenarios ask for: by the official SDK under the
// revisions with sessions, and by itself under the one that the SDK does not speak. The suite hands
// it the address of a server; `TOKEN` or `BEARER` is sent along where it is set.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const META = "io.modelcontextprotocol/";
const INFO = { name: "conformance-client", version: "1.0.0" };
const url = new URL(process.argv.at(-1));
const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT } = process.env;
const token = process.env.TOKEN || process.env.BEARER;
const context = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? "{}");
const authorization = token ? { authorization: `Bearer ${token}` } : {};

/** What to call a tool with. In one scenario it is another tool's schema, as it came. */
const input = (name, tools) => {
  if (name === "add_numbers") return { a: 5, b: 3 };
  const schema = tools.find((tool) => tool.name === "json_schema_2020_12_tool")?.inputSchema;
  return name === "json_schema_echo" && schema ? { schema } : undefined;
};

/** The revisions with sessions. */
const legacy = async () => {
  const capabilities = { elicitation: { form: { applyDefaults: true } } };
  const client = new Client(INFO, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: {} }));
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: authorization } });
  await client.connect(transport);
  const { tools } = await client.listTools();
  for (const { name } of tools) {
    await client.callTool({ name, arguments: input(name, tools) ?? {} });
  }
  await client.close();
};

/** Plain text as it is, everything else wrapped. */
const headerValue = (value) => {
  const text = String(value);
  const isPlain = /^[\x20-\x7e]*$/.test(text) && text === text.trim() && !/^=\?base64\?.*\?=$/.test(text);
  return isPlain ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
};

const properties = (tool) => Object.entries(tool.inputSchema?.properties ?? {});

/** Whether a tool asks for its parameters in headers as it may. */
const isValid = (tool) => {
  const named = properties(tool).filter(([, schema]) => schema["x-mcp-header"] !== undefined);
  const names = named.map(([, schema]) => schema["x-mcp-header"].toLowerCase());
  const plain = named.every(([, { type, "x-mcp-header": name }]) =>
    ["string", "integer", "boolean"].includes(type) && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
  return plain && new Set(names).size === names.length;
};

/** The revision without sessions. */
class Modern {
  #id = 0;
  #version = version ?? "2026-07-28";

  async request(method, params = {}, tool) {
    const meta = {
      [`${META}protocolVersion`]: this.#version,
      [`${META}clientInfo`]: INFO,
      [`${META}clientCapabilities`]: { elicitation: {}, sampling: {} },
    };
    const body = { jsonrpc: "2.0", id: ++this.#id, method, params: { ...params, _meta: meta } };
    const headers = {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": this.#version,
      "mcp-method": method,
      ...authorization,
    };
    const name = params.name ?? params.uri;
    if (name !== undefined) headers["mcp-name"] = headerValue(name);
    for (const [field, { "x-mcp-header": header }] of tool ? properties(tool) : []) {
      const value = params.arguments?.[field];
      if (header !== undefined && value !== undefined && value !== null) headers[`mcp-param-${header}`] = headerValue(value);
    }
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await this.#read(response, body.id);
    const supported = answer.error?.code === -32022 ? answer.error.data?.supported : undefined;
    if (supported?.length && !supported.includes(this.#version)) {
      this.#version = supported.at(-1);
      return this.request(method, params, tool);
    }
    if (answer.error?.code === -32022) return this.request(method, params, tool);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  async #read(response, id) {
    const text = await response.text();
    if (!response.headers.get("content-type")?.includes("text/event-stream")) return JSON.parse(text);
    const messages = text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
    return messages.find((message) => message.id === id);
  }

  /** Calls a tool, and gives what it wants until it is done. */
  async call(tool, input) {
    const params = { name: tool.name, arguments: input };
    let more = {};
    for (let round = 0; round < 5; round++) {
      const result = await this.request("tools/call", { ...params, ...more }, tool);
      if (result.resultType !== "input_required") return result;
      const wanted = Object.keys(result.inputRequests ?? {});
      const answers = wanted.map((name) => [name, { action: "accept", content: { confirmed: true } }]);
      more = { inputResponses: Object.fromEntries(answers) };
      if (result.requestState !== undefined) more.requestState = result.requestState;
    }
    throw new Error("the server never has enough");
  }
}

const modern = async () => {
  const client = new Modern();
  const { capabilities } = await client.request("server/discover");
  const { tools } = await client.request("tools/list");
  // Here it is the list alone that matters: whoever reads it must not follow where it points.
  const called = scenario === "json-schema-ref-no-deref" ? [] : tools.filter(isValid);
  for (const tool of called) {
    const calls = context.toolCalls?.filter(({ name }) => name === tool.name) ?? [];
    const inputs = calls.length ? calls.map((call) => call.arguments) : [input(tool.name, tools) ?? { region: "us-west1" }];
    for (const one of inputs) await client.call(tool, one);
  }
  if (capabilities.resources) {
    const { resources } = await client.request("resources/list");
    for (const { uri } of resources ?? []) await client.request("resources/read", { uri });
  }
  if (capabilities.prompts) {
    const { prompts } = await client.request("prompts/list");
    for (const { name } of prompts ?? []) await client.request("prompts/get", { name });
  }
};

await (version === "2026-07-28" ? modern() : legacy());
console.log(`${scenario}: done`);
