/** A server with one route: GET /image?text=OPEN returns a sign. Express differs in the two lines that answer. */

import Fastify from "fastify";

const url = process.env.SERVER_URL ?? "http://127.0.0.1:7437";
const app = Fastify();

app.get<{ Querystring: { text?: string } }>("/image", async (request, reply) => {
  const response = await fetch(`${url}/v1`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${process.env.SERVER_KEY ?? "anything"}` },
    body: JSON.stringify([
      {
        taskType: "imageInference",
        taskUUID: crypto.randomUUID(),
        model: "runware:108@1",
        positivePrompt: `A red sign that says "${(request.query.text ?? "OPEN").slice(0, 40)}" in white letters`,
        width: 256,
        height: 256,
        outputType: "base64Data",
        outputFormat: "PNG",
      },
    ]),
  });
  const { data, error } = (await response.json()) as { data?: { imageBase64Data: string }[]; error?: object };
  if (!data?.[0]) return reply.code(response.ok ? 502 : response.status).send({ error });
  return reply.type("image/png").send(Buffer.from(data[0].imageBase64Data, "base64"));
});

console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" })}`);
