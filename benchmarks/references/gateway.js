// The gateway of the old design: looks the tenant's bot up in a table, and posts to it with axios.
// It is a fair opponent: connections stay open on both sides, and of each call it writes one line,
// as botmesh's gateway does.
"use strict";

const http = require("node:http");

const axios = require("axios");
const express = require("express");

const bots = new Map([["bench-0", `http://127.0.0.1:${process.argv[2]}`]]);
const client = axios.create({
  httpAgent: new http.Agent({ keepAlive: true, maxSockets: Infinity }),
  proxy: false,
  timeout: 30_000,
});

const app = express();
app.disable("x-powered-by");
app.use(express.json());
app.use((request, response, next) => {
  const began = process.hrtime.bigint();
  response.on("finish", () => {
    const line = {
      event: "request_finished",
      path: request.originalUrl,
      tenant_id: request.body?.tenant_id,
      request_id: request.body?.request_id,
      status: response.statusCode,
      duration_ms: Number(process.hrtime.bigint() - began) / 1e6,
      timestamp: new Date().toISOString(),
    };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  });
  next();
});

app.post("/tenants/:tenant/send", async (request, response) => {
  const bot = bots.get(request.params.tenant);
  if (bot === undefined) {
    response.status(404).json({ error: "no such tenant" });
    return;
  }
  try {
    const answer = await client.post(`${bot}/send`, request.body);
    response.status(answer.status).json(answer.data);
  } catch (error) {
    response.status(502).json({ error: error.message });
  }
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
});
server.keepAliveTimeout = 600_000;
