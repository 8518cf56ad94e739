// A bot of the old design: takes a message as JSON, and answers at once.
"use strict";

const express = require("express");

const app = express();
app.disable("x-powered-by");
app.use(express.json());

app.post("/send", (request, response) => {
  const { tenant_id, request_id, content } = request.body;
  response.json({
    message: {
      message_id: "0198b7a0-5f7e-7c31-9d55-3a1c2f4b6d8e",
      request_id,
      tenant_id,
      recipient_jid: "5215587654321@s.whatsapp.net",
      content,
      whatsapp_id: "3EB0C767D097B7A1F2E4",
      state: "SENT",
      create_time: "2026-01-02T03:04:05.678Z",
      sent_time: "2026-01-02T03:04:05.789Z",
    },
  });
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
});
server.keepAliveTimeout = 600_000;
