/** A relay to a TCP server that can fall silent, refuse, or cut its connections, as networks do. */

import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from "node:net";

export async function startProxy(target: { readonly host: string; readonly port: number }) {
  const pairs = new Set<readonly [Socket, Socket]>();
  let silent = false;
  const server = createServer((near) => {
    const far = tcpConnect(target);
    const pair = [near, far] as const;
    pairs.add(pair);
    const close = () => {
      near.destroy();
      far.destroy();
      pairs.delete(pair);
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (chunk) => silent || to.write(chunk)); // silent: bytes vanish, nobody is told
      from.on("error", close).on("close", close);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent() {
      silent = true;
    },
    /** Forwards again; connections that lost bytes are past help and are cut. */
    recover() {
      silent = false;
      this.cut();
    },
    cut() {
      for (const [near] of pairs) near.destroy();
    },
    async close() {
      this.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
