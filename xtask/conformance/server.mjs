// A tool server that does everything that the official conformance suite asks of one, under the
// revisions with sessions and under the one without. It prints its address once it listens.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { prompts, resources, templates, tools } from "./offers.mjs";
import { Refused } from "./refused.mjs";

const MODERN = "2026-07-28";
const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26"];
const META = "io.modelcontextprotocol/";
const INFO = { name: "conformance-fixture", version: "1.0.0" };
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
const BODY_BYTES_MAX = 4 << 20;
/** Which revisions it speaks (those with sessions, the one without, or all), and how long lists may be kept. */
const { ERA = "both", TTL = "1000" } = process.env;

const sessions = new Map();
const listeners = new Set();

/** One request being worked on: how it speaks to its client before it answers. */
class Exchange {
  constructor(response, message, modern) {
    Object.assign(this, { response, message, modern, params: message.params ?? {} });
    this.meta = this.params._meta ?? {};
    this.capabilities = this.meta[`${META}clientCapabilities`] ?? {};
  }

  stream() {
    if (this.response.headersSent) return;
    this.response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  }

  tell(method, params) {
    this.stream();
    event(this.response, { jsonrpc: "2.0", method, params });
  }

  /** Asks the client something, and waits for the answer. */
  ask(method, params) {
    const session = sessions.get(this.session);
    const id = `fixture-${++session.asked}`;
    this.stream();
    event(this.response, { jsonrpc: "2.0", id, method, params });
    return new Promise((resolve, reject) => session.waiting.set(id, { resolve, reject }));
  }

  answer(body, status = 200) {
    const answer = { jsonrpc: "2.0", id: this.message.id, ...body };
    if (this.response.headersSent) {
      event(this.response, answer);
      return this.response.end();
    }
    json(this.response, status, answer);
  }
}

const event = (response, message) => response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

const plainError = (response, status, code, message) =>
  json(response, status, { jsonrpc: "2.0", id: null, error: { code, message } });

/** What is told to everybody who listens for it. */
const changed = (kind) => {
  for (const { exchange, wanted } of listeners) {
    if (!wanted[`${kind}ListChanged`]) continue;
    const subscription = { [`${META}subscriptionId`]: String(exchange.message.id) };
    exchange.tell(`notifications/${kind}/list_changed`, { _meta: subscription });
  }
};

const found = (list, field, value, what) => {
  const one = list.find((each) => each[field] === value);
  if (!one) throw new Refused(-32602, `no such ${what}`, undefined, 200);
  return one;
};

const shown = (list) => list.map(({ run, ...rest }) => rest);

const read = (uri) => {
  const whole = resources.find((each) => each.uri === uri);
  if (whole) return whole.run();
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new Refused(-32602, "Resource not found", { uri }, 200);
  const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return [{ uri, mimeType: "application/json", text }];
};

const capabilities = () => ({
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
});

/** What every revision has. */
const common = {
  "tools/list": () => ({ tools: shown(tools) }),
  "tools/call": (exchange) => {
    const { name, arguments: input } = exchange.params;
    return found(tools, "name", name, "tool").run(exchange, input ?? {}, changed);
  },
  "resources/list": () => ({ resources: shown(resources) }),
  "resources/templates/list": () => ({ resourceTemplates: templates }),
  "resources/read": ({ params }) => ({ contents: read(params.uri) }),
  "prompts/list": () => ({ prompts: shown(prompts) }),
  "prompts/get": (exchange) => {
    const { name, arguments: input } = exchange.params;
    return found(prompts, "name", name, "prompt").run(exchange, input ?? {});
  },
  "completion/complete": () => ({ completion: { values: ["paris", "park", "party"], total: 3, hasMore: false } }),
};

const legacy = {
  ...common,
  ping: () => ({}),
  "logging/setLevel": () => ({}),
  "resources/subscribe": () => ({}),
  "resources/unsubscribe": () => ({}),
};

const modern = {
  ...common,
  "server/discover": () => ({ supportedVersions: [MODERN], capabilities: capabilities() }),
  "subscriptions/listen": (exchange) => {
    const wanted = exchange.params.notifications ?? {};
    const listener = { exchange, wanted };
    const subscription = { [`${META}subscriptionId`]: String(exchange.message.id) };
    exchange.tell("notifications/subscriptions/acknowledged", { _meta: subscription, notifications: wanted });
    listeners.add(listener);
    exchange.response.on("close", () => listeners.delete(listener));
    return undefined;
  },
};

const CACHED = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read", "server/discover"];

/** A result as the newest revision wants it. */
const completed = (method, result) => {
  const hints = CACHED.includes(method) ? { ttlMs: Number(TTL), cacheScope: "private" } : {};
  const meta = { ...result._meta, [`${META}serverInfo`]: INFO };
  return { resultType: "complete", ...hints, ...result, _meta: meta };
};

const work = async (exchange, methods) => {
  const { method } = exchange.message;
  try {
    if (!Object.hasOwn(methods, method)) throw new Refused(-32601, "Method not found", undefined, exchange.modern ? 404 : 200);
    const result = await methods[method](exchange);
    if (result === undefined) return;
    exchange.answer({ result: exchange.modern ? completed(method, result) : result });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, message, data, status } = error;
    exchange.answer({ error: { code, message, ...(data === undefined ? {} : { data }) } }, status);
  }
};

/** Values of headers that are more than plain text come wrapped. */
const unwrapped = (value) => {
  const wrapped = /^=\?base64\?(.*)\?=$/.exec(value ?? "")?.[1];
  return wrapped === undefined ? value : Buffer.from(wrapped, "base64").toString();
};

const checkModern = ({ headers }, { method, params }) => {
  const meta = params?._meta;
  const version = meta?.[`${META}protocolVersion`];
  if (typeof version !== "string") throw new Refused(-32602, "`_meta` has no protocol version");
  if (typeof meta[`${META}clientCapabilities`] !== "object") throw new Refused(-32602, "`_meta` has no client capabilities");
  const name = { "tools/call": params.name, "prompts/get": params.name, "resources/read": params.uri }[method];
  const mirrored = [["mcp-protocol-version", version], ["mcp-method", method], ["mcp-name", name]];
  for (const [header, value] of mirrored) {
    if (value !== undefined && unwrapped(headers[header]) !== value) throw new Refused(-32020, `the header ${header} says another thing`);
  }
  if (version !== MODERN) throw new Refused(-32022, "unsupported version", { supported: [MODERN], requested: version });
};

const isModern = ({ headers }, { method, params }) =>
  ERA === "modern" ||
  headers["mcp-protocol-version"] === MODERN || method === "server/discover" || params?._meta?.[`${META}protocolVersion`] !== undefined;

const initialize = (exchange) => {
  const session = randomUUID();
  sessions.set(session, { asked: 0, waiting: new Map() });
  const wanted = exchange.params.protocolVersion;
  const protocolVersion = LEGACY.includes(wanted) ? wanted : LEGACY[0];
  const result = { protocolVersion, capabilities: { ...capabilities(), logging: {} }, serverInfo: INFO };
  json(exchange.response, 200, { jsonrpc: "2.0", id: exchange.message.id, result }, { "mcp-session-id": session });
};

/** An answer to something that we asked. */
const settle = (session, { id, result, error }) => {
  const waiting = session.waiting.get(id);
  session.waiting.delete(id);
  if (error) waiting?.reject(new Refused(-32603, error.message, undefined, 200));
  else waiting?.resolve(result);
};

const post = async (request, response, message) => {
  const isRequest = message.method !== undefined && message.id !== undefined;
  if (isRequest && ERA !== "legacy" && isModern(request, message)) {
    const exchange = new Exchange(response, message, true);
    return work(exchange, { ...modern, ...checked(request, message) });
  }
  const exchange = new Exchange(response, message, false);
  if (message.method === "initialize") return initialize(exchange);
  exchange.session = request.headers["mcp-session-id"];
  const session = sessions.get(exchange.session);
  if (!session) return plainError(response, exchange.session ? 404 : 400, -32600, "no such session");
  if (isRequest) return work(exchange, legacy);
  if (message.method === undefined) settle(session, message);
  response.writeHead(202).end();
};

/** No methods at all where the request is not as it must be: asking for any throws. */
const checked = (request, message) => {
  try {
    checkModern(request, message);
    return {};
  } catch (error) {
    return { [message.method]: () => { throw error; } };
  }
};

const bodyOf = async (request) => {
  const pieces = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) throw new Refused(-32600, "too long", undefined, 413);
    pieces.push(piece);
  }
  return JSON.parse(Buffer.concat(pieces));
};

const serve = async (request, response) => {
  const { host = "", origin } = request.headers;
  const from = origin === undefined ? host : new URL(origin).host;
  if (!LOCAL.test(host) || !LOCAL.test(from)) return plainError(response, 403, -32600, "not from here");
  const session = request.headers["mcp-session-id"];
  switch (request.method) {
    case "POST":
      return post(request, response, await bodyOf(request));
    case "GET":
      if (!sessions.has(session)) return plainError(response, session ? 404 : 405, -32600, "no such session");
      response.writeHead(200, { "content-type": "text/event-stream" });
      return response.write(": listening\n\n");
    case "DELETE":
      return response.writeHead(sessions.delete(session) ? 200 : 404).end();
    default:
      return response.writeHead(405).end();
  }
};

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    if (!response.headersSent) plainError(response, error.status ?? 400, -32700, error.message);
  });
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});
