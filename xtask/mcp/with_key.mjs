// Runs a Node program that knows no keys against an MCP endpoint that asks for one: the program is given
// `--url` of a proxy on the loopback interface, which adds the key of MCP_KEY and hands everything else
// on to MCP_URL as it came. Ends with the program, with its exit code.

import { spawn } from "node:child_process";
import http from "node:http";

const { hostname, port, pathname } = new URL(process.env.MCP_URL);
const authorization = `Bearer ${process.env.MCP_KEY}`;

const proxy = http.createServer((request, response) => {
  const { method, url: path } = request;
  const headers = { ...request.headers, authorization };
  const onward = http.request({ hostname, port, path, method, headers }, (upstream) => {
    response.writeHead(upstream.statusCode, upstream.headers);
    upstream.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});

proxy.listen(0, "127.0.0.1", () => {
  const url = `http://localhost:${proxy.address().port}${pathname}`;
  const running = spawn(process.execPath, [...process.argv.slice(2), "--url", url], { stdio: "inherit" });
  running.on("close", (code) => process.exit(code ?? 1));
});
