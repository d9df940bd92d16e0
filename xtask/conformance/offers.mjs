// What the conformance fixture offers: tools, resources and prompts, by the names that the suite
// asks for.

import { setTimeout as pause } from "node:timers/promises";

import { Refused } from "./refused.mjs";
import { seal, unseal } from "./state.mjs";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";
const NOTHING = { type: "object", properties: {} };

const text = (words) => ({ content: [{ type: "text", text: words }] });
const fixed = (content) => () => ({ content });
const image = { type: "image", data: PNG, mimeType: "image/png" };
const object = (properties, required) => ({ type: "object", properties, required });
const string = (description) => ({ type: "string", description });

const tool = (name, description, run, inputSchema = NOTHING) => ({ name, description, inputSchema, run });

/** What a client is asked for under the newest revision, by way of a result. */
const wanted = (inputRequests, state) => ({
  resultType: "input_required",
  inputRequests,
  ...(state === undefined ? {} : { requestState: seal(state) }),
});

const elicit = (message, properties, required = Object.keys(properties)) => ({
  method: "elicitation/create",
  params: { mode: "form", message, requestedSchema: object(properties, required) },
});

const sample = (words, maxTokens) => ({
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens },
});

const roots = { method: "roots/list", params: {} };

/** The answer under this name, where it has the form of one. */
const answerTo = ({ params }, name) => {
  const answer = params.inputResponses?.[name];
  return typeof answer === "object" ? answer ?? undefined : undefined;
};

/** Asks once, and says what was answered. */
const once = (name, request, state, say) => (exchange) => {
  const answer = answerTo(exchange, name);
  if (answer === undefined) return wanted({ [name]: request }, state);
  if (state !== undefined) unseal(exchange.params.requestState);
  return text(say(answer));
};

/** Asks by a request of the server's own, as the revisions with sessions have it. */
const asking = (request, say) => async (exchange, input) => {
  const { method, params } = request(input);
  return text(say(await exchange.ask(method, params)));
};

const elicited = (word) => ({ action, content }) => `${word}: action=${action}, content=${JSON.stringify(content ?? {})}`;

const told = async (exchange, say) => {
  for (const step of [0, 1, 2]) {
    if (step > 0) await pause(50);
    say(step);
  }
};

const titled = (pairs) => pairs.map(([value, title]) => ({ const: value, title }));
const three = (word) => [1, 2, 3].map((n) => `${word}${n}`);

const multiRound = (exchange) => {
  const { requestState } = exchange.params;
  const round = requestState === undefined ? 0 : unseal(requestState).round;
  if (round === 0 || !answerTo(exchange, `step${round}`)) {
    return wanted({ step1: elicit("Step 1: What is your name?", { name: string("Your name") }) }, { round: 1 });
  }
  if (round === 1) {
    return wanted({ step2: elicit("Step 2: What is your favorite color?", { color: string("A color") }) }, { round: 2 });
  }
  return text("All steps are done");
};

const several = (exchange) => {
  const requests = {
    user_name: elicit("What is your name?", { name: string("Your name") }),
    greeting: sample("Generate a greeting", 50),
    client_roots: roots,
  };
  if (!Object.keys(requests).every((name) => answerTo(exchange, name))) return wanted(requests, { asked: 3 });
  unseal(exchange.params.requestState);
  return text("All inputs are there");
};

const allowed = (exchange) => {
  const requests = {};
  if (exchange.capabilities.sampling) requests.sampled = sample("Say a word", 10);
  if (exchange.capabilities.elicitation) requests.elicited = elicit("Say a word", { word: string("A word") });
  return Object.keys(exchange.params.inputResponses ?? {}).length ? text("Done") : wanted(requests);
};

const needsSampling = (exchange) => {
  if (!exchange.capabilities.sampling) {
    throw new Refused(-32021, "the client cannot sample", { requiredCapabilities: { sampling: {} } }, 400);
  }
  return text("Sampled");
};

const logged = async (exchange) => {
  await told(exchange, (step) => {
    const data = ["Tool execution started", "Tool processing data", "Tool execution completed"][step];
    exchange.tell("notifications/message", { level: "info", data });
  });
  return text("The tool has logged");
};

const progressed = async (exchange) => {
  const { progressToken } = exchange.meta;
  await told(exchange, (step) => {
    if (progressToken === undefined) return;
    exchange.tell("notifications/progress", { progressToken, progress: step * 50, total: 100, message: `Step ${step}` });
  });
  return text("The tool has made progress");
};

const streamed = (exchange) => {
  exchange.stream();
  return wanted({ word: elicit("Say a word", { word: string("A word") }) });
};

const quiet = (exchange) => {
  exchange.stream();
  if (exchange.meta["io.modelcontextprotocol/logLevel"]) exchange.tell("notifications/message", { level: "info", data: "a line" });
  return text("Logged, if that was wanted");
};

const name = elicit("What is your name?", { name: { type: "string" } });

export const tools = [
  tool("test_simple_text", "Says a sentence", fixed([{ type: "text", text: "This is a simple text response for testing." }])),
  tool("test_image_content", "Shows a picture", fixed([image])),
  tool("test_audio_content", "Plays a sound", fixed([{ type: "audio", data: WAV, mimeType: "audio/wav" }])),
  tool("test_embedded_resource", "Holds a resource", fixed([
    { type: "resource", resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." } },
  ])),
  tool("test_multiple_content_types", "Holds several things", fixed([
    { type: "text", text: "Multiple content types test:" },
    image,
    { type: "resource", resource: { uri: "test://mixed-content-resource", mimeType: "application/json", text: '{"test":"data","value":123}' } },
  ])),
  tool("test_tool_with_logging", "Logs while it works", logged),
  tool("test_tool_with_progress", "Tells how far it is", progressed),
  tool("test_error_handling", "Fails", () => ({ isError: true, ...text("This tool intentionally returns an error for testing") })),
  tool("test_sampling", "Has the client's model work", asking(({ prompt }) => sample(prompt, 100), ({ content }) => `LLM response: ${content?.text}`), object({ prompt: string("For the model") }, ["prompt"])),
  tool("test_elicitation", "Asks the person", asking(({ message }) => elicit(message, { username: string("Your name"), email: string("Your address") }), elicited("User response")), object({ message: string("To be shown") }, ["message"])),
  tool("test_elicitation_sep1034_defaults", "Asks with defaults", asking(() => elicit("Please review", {
    name: { type: "string", description: "Name", default: "John Doe" },
    age: { type: "integer", description: "Age", default: 30 },
    score: { type: "number", description: "Score", default: 95.5 },
    status: { type: "string", description: "Status", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", description: "Verified", default: true },
  }, []), elicited("Elicitation completed"))),
  tool("test_elicitation_sep1330_enums", "Asks with choices", asking(() => elicit("Please choose", {
    untitledSingle: { type: "string", enum: three("option") },
    titledSingle: { type: "string", oneOf: titled([["value1", "First Option"], ["value2", "Second Option"], ["value3", "Third Option"]]) },
    legacyEnum: { type: "string", enum: three("opt"), enumNames: ["Option One", "Option Two", "Option Three"] },
    untitledMulti: { type: "array", items: { type: "string", enum: three("option") } },
    titledMulti: { type: "array", items: { anyOf: titled([["value1", "First Choice"], ["value2", "Second Choice"], ["value3", "Third Choice"]]) } },
  }, []), elicited("Elicitation completed"))),
  tool("test_input_required_result_elicitation", "Wants a name", once("user_name", name, undefined, ({ content }) => `Hello, ${content?.name}!`)),
  tool("test_input_required_result_sampling", "Wants an answer of the model", once("capital_question", sample("What is the capital of France?", 100), undefined, ({ content }) => `The model says: ${content?.text}`)),
  tool("test_input_required_result_list_roots", "Wants the roots", once("client_roots", roots, undefined, ({ roots }) => `Roots: ${JSON.stringify(roots)}`)),
  tool("test_input_required_result_request_state", "Hands out state", once("confirm", elicit("Please confirm", { ok: { type: "boolean" } }), { confirmed: false }, () => "state-ok")),
  tool("test_input_required_result_tampered_state", "Guards its state", once("confirm", elicit("Please confirm", { ok: { type: "boolean" } }), { guarded: true }, () => "state-ok")),
  tool("test_input_required_result_multiple_inputs", "Wants several things", several),
  tool("test_input_required_result_multi_round", "Wants one thing after the other", multiRound),
  tool("test_input_required_result_capabilities", "Wants what the client can do", allowed),
  tool("test_missing_capability", "Needs sampling", needsSampling),
  tool("test_streaming_elicitation", "Asks on a stream", streamed),
  tool("test_logging_tool", "Logs where that is wanted", quiet),
  tool("test_trigger_tool_change", "Changes the tools", (_exchange, _input, changed) => {
    changed("tools");
    return text("Changed");
  }),
  tool("test_trigger_prompt_change", "Changes the prompts", (_exchange, _input, changed) => {
    changed("prompts");
    return text("Changed");
  }),
];

export const resources = [
  {
    uri: "test://static-text", name: "static-text", description: "A text", mimeType: "text/plain",
    run: () => [{ uri: "test://static-text", mimeType: "text/plain", text: "This is the content of the static text resource." }],
  },
  {
    uri: "test://static-binary", name: "static-binary", description: "A picture", mimeType: "image/png",
    run: () => [{ uri: "test://static-binary", mimeType: "image/png", blob: PNG }],
  },
  {
    uri: "test://watched-resource", name: "watched-resource", description: "A text that may change", mimeType: "text/plain",
    run: () => [{ uri: "test://watched-resource", mimeType: "text/plain", text: "Watched." }],
  },
];

export const templates = [
  { uriTemplate: "test://template/{id}/data", name: "template", description: "Data by number", mimeType: "application/json" },
];

const said = (...contents) => ({ messages: contents.map((content) => ({ role: "user", content })) });
const words = (text) => ({ type: "text", text });
const argument = (name, description) => ({ name, description, required: true });

export const prompts = [
  { name: "test_simple_prompt", description: "One sentence", run: () => said(words("This is a simple prompt for testing.")) },
  {
    name: "test_prompt_with_arguments", description: "A sentence with two words of yours",
    arguments: [argument("arg1", "The first"), argument("arg2", "The second")],
    run: (_exchange, { arg1, arg2 }) => said(words(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  },
  {
    name: "test_prompt_with_embedded_resource", description: "A resource",
    arguments: [argument("resourceUri", "Which")],
    run: (_exchange, { resourceUri: uri }) => said(
      { type: "resource", resource: { uri, mimeType: "text/plain", text: "Embedded resource content for testing." } },
      words("Please process the embedded resource above."),
    ),
  },
  { name: "test_prompt_with_image", description: "A picture", run: () => said(image, words("Please analyze the image above.")) },
  {
    name: "test_input_required_result_prompt", description: "Wants a context",
    run: (exchange) => {
      const answer = answerTo(exchange, "user_context");
      if (answer === undefined) return wanted({ user_context: elicit("What context should the prompt use?", { context: { type: "string" } }) });
      return said(words(`In the context of ${answer.content?.context}`));
    },
  },
];
