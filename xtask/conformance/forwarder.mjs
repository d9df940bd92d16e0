// Stands before the gateway and adds its token to every request: the suite has no way to send one.
// Everything else passes as it came. It prints its port once it listens.

import { createServer, request as ask } from "node:http";

const target = new URL(process.argv[2]);
const authorization = `Bearer ${process.env.TOKEN}`;

const server = createServer((request, response) => {
  const { method, headers, url } = request;
  const path = target.pathname === "/" ? url : target.pathname;
  const options = { host: target.hostname, port: target.port, path, method, headers: { ...headers, authorization } };
  const onward = ask(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.on("aborted", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
