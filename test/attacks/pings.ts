/** How long others wait while a server is attacked. */

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Waited {
  /** Milliseconds. */
  readonly median: number;
  readonly longest: number;
  readonly count: number;
}

/** Asks for `/healthz` so often, on a new connection each time, and how long the answers took. Rejects when one does not come. */
export async function pings(base: string, count: number): Promise<Waited> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    times.push(await ping(base));
    await sleep(10);
  }
  const sorted = times.sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, longest: sorted.at(-1)!, count: sorted.length };
}

const ping = (base: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const begun = performance.now();
    const socket = connect(Number(port), hostname);
    socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (answer.startsWith("HTTP/1.1 200 ")) resolve(performance.now() - begun);
      else reject(new Error(`no answer after ${Math.round(performance.now() - begun)} ms: ${answer.slice(0, 100)}`));
    });
  });
