// Puts a gateway before a server, and runs a client against it: `node through.mjs ADDRESS`, with the
// gateway's program in `BAKERST` and its configuration in `CONFIG`, in which `@SERVER@` stands for the
// server. What the server wants to see of the gateway may be in `BEARER`.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { BAKERST, BEARER, CONFIG } = process.env;
const url = new URL(process.argv.at(-1));
const folder = await mkdtemp(join(tmpdir(), "bakerst-conformance-"));
const config = join(folder, "bakerst.yaml");
const server = { url: url.href };
if (BEARER) {
  server.bearer_file = join(folder, "bearer");
  await writeFile(server.bearer_file, BEARER, { mode: 0o600 });
}
const text = (await readFile(CONFIG, "utf8")).replaceAll("@SERVER@", JSON.stringify(server));
await writeFile(config, text);
const places = ["--state", join(folder, "state"), "--master-key", join(folder, "key"), "--config", config];
// Until the client has said otherwise.
process.exitCode = 1;
const gateway = spawn(BAKERST, ["up", "--json", "--listen", "127.0.0.1:0", ...places], { stdio: ["ignore", "pipe", "inherit"] });
for await (const line of createInterface({ input: gateway.stdout })) {
  const { address, token } = JSON.parse(line);
  const client = spawn(process.execPath, [new URL("client.mjs", import.meta.url).pathname, `http://${address}/mcp/suite`], {
    // The client has our token, and never sees the server's.
    env: { ...process.env, TOKEN: token, BEARER: "" },
    stdio: "inherit",
  });
  process.exitCode = await new Promise((resolve) => client.on("exit", (code) => resolve(code ?? 1)));
  break;
}
const ended = new Promise((resolve) => gateway.on("exit", resolve));
if (gateway.kill()) await ended;
await rm(folder, { recursive: true });
