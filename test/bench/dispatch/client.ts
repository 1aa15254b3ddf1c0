/** Hands in tasks over HTTP as fast as servers take them: one request after the other on each of its connections. */

import { Pool } from "undici";
import { aTask } from "../../support/tasks.ts";

export interface ClientSettings {
  readonly servers: readonly string[];
  /** To each server. */
  readonly connections: number;
  readonly requests: number;
  readonly tasksARequest: number;
}

const { servers, connections, requests, tasksARequest } = JSON.parse(process.argv[2]!) as ClientSettings;

const headers = { "content-type": "application/json", authorization: "Bearer bench" };
const pools = servers.map((server) => new Pool(server, { connections }));

async function hand(pool: Pool): Promise<void> {
  const tasks = Array.from({ length: tasksARequest }, () => aTask({ deliveryMethod: "async" }).request);
  const { statusCode, body } = await pool.request({ method: "POST", path: "/v1", headers, body: `[${tasks}]` });
  const text = await body.text();
  if (statusCode !== 200 || text.includes('"errors"')) throw new Error(`refused with ${statusCode}: ${text}`);
}

/** Milliseconds from request to reply. */
async function handInAll(each: number): Promise<number[]> {
  const times: number[] = [];
  const line = async (pool: Pool) => {
    for (let i = 0; i < each; i++) {
      const begun = performance.now();
      await hand(pool);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(pools.flatMap((pool) => Array.from({ length: connections }, () => line(pool))));
  return times;
}

process.on("message", async (task: "warm" | "go") => {
  const begun = performance.now();
  const times = await handInAll(task === "warm" ? 5 : requests);
  process.send!({ seconds: (performance.now() - begun) / 1000, times: times.sort((a, b) => a - b) });
});
process.on("disconnect", () => process.exit(0));
process.send!("ready");
