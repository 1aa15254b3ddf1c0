/** A loopback receiver of webhooks and uploads that answers as it is told. */

import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startReceiver(
  answer: (received: Received, response: ServerResponse) => void = (_, r) => r.end(),
) {
  const received: Received[] = [];
  let heard = () => {};
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one = { method: request.method!, path: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
    received.push(one);
    answer(one, response);
    heard();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    /** Resolves once so many requests have come in. */
    async until(count: number): Promise<readonly Received[]> {
      while (received.length < count) await new Promise<void>((resolve) => (heard = resolve));
      return received;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
