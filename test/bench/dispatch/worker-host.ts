/** Several workers with a stand-in engine in one process, each with its own connections, as if each were a process. */

import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../../../src/server/database/index.ts";
import { createTaskQueue, openPresence, openSignals } from "../../../src/server/tasks/index.ts";
import { takeClaims } from "../../../src/server/worker/take-claims.ts";
import { aResult } from "../../support/tasks.ts";

export interface HostSettings {
  readonly url: string;
  readonly names: readonly string[];
  /** What the stand-in engine takes for a picture. */
  readonly engineMs: number;
}

const { url, names, engineMs } = JSON.parse(process.argv[2]!) as HostSettings;

async function startBenchWorker(name: string): Promise<void> {
  const db = await openDatabase({ url, maxConnections: 1 });
  const signals = await openSignals({ db, processName: name });
  const presence = await openPresence({ db, signals });
  const queue = createTaskQueue({ db, signals, presence, lane: "pictures" });
  void takeClaims(queue, {
    async take(claim) {
      await sleep(engineMs);
      await claim.result(aResult(claim, 0), true);
      claim.release();
    },
    onError: (error) => console.error(error),
    signal: new AbortController().signal,
  });
}

for (const name of names) await startBenchWorker(name);
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
