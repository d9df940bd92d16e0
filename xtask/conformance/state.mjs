// State that a server hands to its client and gets back.

import { createHmac, randomBytes } from "node:crypto";

import { Refused } from "./refused.mjs";

const key = randomBytes(32);
const sign = (text) => createHmac("sha256", key).update(text).digest("hex");

/** State that a client hands back, and cannot change. */
export const seal = (state) => {
  const text = Buffer.from(JSON.stringify(state)).toString("base64url");
  return `${text}.${sign(text)}`;
};

export const unseal = (sealed) => {
  const [text, signature] = String(sealed).split(".");
  if (signature !== sign(text)) throw new Refused(-32602, "the state was changed", undefined, 200);
  return JSON.parse(Buffer.from(text, "base64url"));
};
