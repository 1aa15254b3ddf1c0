/**
 * API servers and workers on one PostgreSQL and one bucket, each with a data folder of its own, killed at seeded moments: contract 1, 2,
 * 4 and 11 of docs/internals/reliability.md. The long form: `npm run test:kills`.
 */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../support/databases.ts";
import { seededRandom } from "../support/random.ts";
import { NO_S3, type S3Server, startS3Server } from "../support/s3-server.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";
import { MACHINE_KILLS } from "./kills.ts";
import { sameBytes } from "./same-bytes.ts";

const KILLS = Number(process.env.INKSTONE_TEST_MACHINE_KILLS ?? MACHINE_KILLS);
const SEED = Number(process.env.INKSTONE_TEST_SEED ?? 20261128);
const ROLES = ["api", "api", "worker", "worker"] as const;

const { open, skip } = TEST_DATABASES.find(({ name }) => name === "postgres")!;
const WHY = skip ?? NO_S3;

describe.skipIf(WHY !== undefined)(`many machines${WHY === undefined ? "" : ` (skipped: ${WHY})`}`, () => {
  let database: Awaited<ReturnType<typeof open>>;
  let s3: S3Server;
  let folder: string;
  const machines: ServerProcess[] = [];

  const start = (i: number) =>
    startServerProcess(join(folder, `machine-${i}`), {
      INKSTONE_ROLE: ROLES[i]!,
      INKSTONE_DATABASE_URL: database.url!,
      INKSTONE_STORAGE: `s3://${s3.bucket}/ink`,
      INKSTONE_S3_ENDPOINT: s3.endpoint,
      // Killed more often than in a lifetime: what is looked for are tasks lost or doubled.
      INKSTONE_MAX_ATTEMPTS: "20",
    });

  beforeAll(async () => {
    database = await open();
    s3 = await startS3Server();
    folder = await mkdtemp(join(tmpdir(), "inkstone-kills-"));
    for (const i of ROLES.keys()) machines.push(await start(i));
    await Promise.all(machines.map(({ ready }) => ready));
  });
  afterAll(async () => {
    for (const machine of machines) await machine.kill();
    await s3?.remove();
    await database?.drop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test(`killed at ${KILLS} moments (seed ${SEED}): no task is lost, no result exists twice`, {
    timeout: 120_000 + KILLS * 30_000,
  }, async () => {
    const random = seededRandom(SEED);
    const acknowledged = new Map<string, { readonly seed: number; readonly numberResults: number }>();
    const submit = async (api: ServerProcess) => {
      const sent = { seed: Math.floor(random() * 8), numberResults: 1 + Math.floor(random() * 2) };
      const task = aTask({
        ...sent,
        seed: BigInt(sent.seed),
        positivePrompt: "step 15",
        steps: 5,
        outputFormat: "PNG",
        deliveryMethod: "async",
      });
      await api.submit(task);
      acknowledged.set(task.task.taskUUID, sent);
    };

    for (let kill = 0; kill < KILLS; kill++) {
      const api = machines[Math.floor(random() * 2)]!;
      await api.ready;
      const submitting = (async () => {
        for (let i = 0; i < 3; i++) await submit(api);
      })().catch(() => {}); // cut off by the kill: not acknowledged
      await Promise.race([submitting, sleep(random() * 60)]);
      await sleep(random() * 300);
      const victim = Math.floor(random() * ROLES.length);
      await machines[victim]!.kill();
      await submitting;
      machines[victim] = await start(victim);
    }

    const last = machines[0]!;
    await last.ready;
    const check = sameBytes();
    for (const [taskUUID, sent] of acknowledged) {
      const { data, errors = [] } = await last.final(taskUUID);
      expect(errors).toEqual([]);
      expect(data).toHaveLength(sent.numberResults);
      await check(data, sent.seed);
    }
    const { db } = database;
    expect(await db.query("select task_id, index from images group by 1, 2 having count(*) > 1")).toEqual([]);
    // What was stored while its task was not acknowledged ends as well; then every object has its row.
    await expect
      .poll(() => db.query("select 1 from tasks where state in ('queued', 'running')"), { timeout: 60_000 })
      .toEqual([]);
    const rows = await db.query<{ file_name: string }>("select file_name from images");
    const stored = await readdir(join(s3.folder, "ink"));
    expect(stored.toSorted()).toEqual(rows.map(({ file_name }) => file_name).toSorted());
    console.log(`${KILLS} kills, ${acknowledged.size} tasks, ${stored.length} images`);
  });
});
