/**
 * How long others wait while a server is attacked, by the clock.
 *
 * What the suites hold it to: half of the answers come within MOST_MS, and none stays away. The median, because a busy machine alone delays
 * single answers by seconds. A server that is silent once for long shows in the processor time of its answering thread instead
 * (`busyMs` of a victim): the suites whose attacks cost computing bound that too, and nobody can have waited longer for the server's own
 * sake.
 */

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSocket } from "../contract/socket-client.ts";

/** What half of the answers take at most, in milliseconds. */
export const MOST_MS = 250;
/** Between two questions of one client. */
const PAUSE_MS = 10;

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
    await sleep(PAUSE_MS);
  }
  return summary(times);
}

/**
 * Runs an attack while two other clients ask without a pause to speak of: one for `/healthz`, on a new connection each time, one for pongs on a
 * WebSocket with a key of its own. Resolves with how long they waited; rejects when an answer does not come, or with the attack.
 */
export async function whileOthersAsk(base: string, key: string, attack: () => Promise<unknown>): Promise<Waited> {
  const client = await connectSocket(`${base.replace("http", "ws")}/v1`);
  client.send({ taskType: "authentication", apiKey: key });
  await client.next();
  const pong = async () => {
    const begun = performance.now();
    client.send({ taskType: "ping" });
    const ended = client.closed.then(({ code }) => Promise.reject(new Error(`the socket ended with ${code}`)));
    await Promise.race([client.next(), ended]);
    return performance.now() - begun;
  };
  const times: number[] = [];
  let isOver = false;
  const ask = async (once: () => Promise<number>) => {
    do {
      times.push(await once());
      await sleep(PAUSE_MS);
    } while (!isOver);
  };
  const attacked = attack().finally(() => {
    isOver = true;
  });
  await Promise.all([attacked, ask(() => ping(base)), ask(pong)]);
  client.socket.close();
  return summary(times);
}

function summary(times: readonly number[]): Waited {
  const sorted = times.toSorted((a, b) => a - b);
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
