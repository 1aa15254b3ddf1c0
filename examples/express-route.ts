/** A server with one route: GET /image?text=OPEN returns a sign. With Fastify, only the lines that answer differ. */

import express from "express";

const url = process.env.SERVER_URL ?? "http://127.0.0.1:7437";
const app = express();

app.get("/image", async (request, response) => {
  const left = new AbortController();
  response.on("close", () => left.abort()); // a browser that leaves cancels the task
  const reply = await fetch(`${url}/v1`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${process.env.SERVER_KEY ?? "anything"}` },
    body: JSON.stringify([
      {
        taskType: "imageInference",
        taskUUID: crypto.randomUUID(),
        model: "runware:108@1",
        positivePrompt: `A red sign that says "${String(request.query.text ?? "OPEN").slice(0, 40)}" in white letters`,
        width: 256,
        height: 256,
        outputType: "base64Data",
        outputFormat: "PNG",
      },
    ]),
    signal: left.signal,
  });
  const { data, error } = (await reply.json()) as { data?: { imageBase64Data: string }[]; error?: object };
  if (!data?.[0]) response.status(reply.ok ? 502 : reply.status).send({ error });
  else response.type("image/png").send(Buffer.from(data[0].imageBase64Data, "base64"));
});

const listener = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const address = listener.address();
  console.log(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
});
