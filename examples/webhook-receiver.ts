/** Receives webhooks, verifies their signatures, and ignores those that arrive twice. */

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

// In the file webhook-secret of the server's data folder, unless the server has this variable too.
const webhook = new Webhook(process.env.INKSTONE_WEBHOOK_SECRET!);
const seen = new Set<string>(); // use a database in production

const receiver = createServer(async (request, response) => {
  const body = Buffer.concat(await Array.fromAsync(request)).toString(); // the raw body is signed
  let message: { data?: { imageURL?: string }[]; errors?: { message: string }[] };
  try {
    message = webhook.verify(body, request.headers as Record<string, string>) as typeof message;
  } catch {
    response.writeHead(401).end(); // a wrong signature, or older than five minutes
    return;
  }
  response.writeHead(204).end();
  const id = String(request.headers["webhook-id"]);
  if (seen.has(id)) return;
  seen.add(id);
  console.log(message.errors ? `failed: ${message.errors[0]?.message}` : `image: ${message.data?.[0]?.imageURL}`);
});

receiver.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const address = receiver.address();
  console.log(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
});
