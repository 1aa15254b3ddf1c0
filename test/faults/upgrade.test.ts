/** A database of the version before many machines, with tasks in flight, is migrated while an old server works on it: contract 13. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../src/server/database/index.ts";
import { migrate } from "../../src/server/database/migrate.ts";
import { migrations } from "../../src/server/database/migrations.ts";
import { openPostgres } from "../../src/server/database/postgres.ts";
import { createTaskQueue, createTaskService, openPresence, openSignals } from "../../src/server/tasks/index.ts";
import { hashBody } from "../../src/server/tasks/stored-task.ts";
import { createCluster, NO_POSTGRES, type PostgresCluster } from "../support/postgres-cluster.ts";
import { aResult, aTask } from "../support/tasks.ts";

/** The statements of the server before, as it sent them. */
const OLD = {
  insert: `insert into tasks (owner, task_uuid, body_hash, task, request, seed, salt, lane, turn, turn_end)
           values ('me', $1, $2, $3, $4, '7', $5, 'pictures', $6::bigint, $6::bigint + 1)`,
  claim: `update tasks t
          set state = 'running', attempt = attempt + 1, worker = 'old', progress = null,
              lease_until = now() + make_interval(secs => 30), started_at = coalesce(started_at, now())
          where id = (select id from tasks where state = 'queued' and lane = 'pictures'
                        and (not_before <= now() or not_before > now() + interval '1 minute')
                      order by turn, id limit 1 for update skip locked)
          returning id::text, attempt, salt`,
  renew: `update tasks set lease_until = now() + make_interval(secs => 30), progress = coalesce($3, progress), state = 'running',
                           failures = failures - (state = 'queued')::int, lost_attempt = null
          where id = $1 and attempt = $2 and (state = 'running' or (state = 'queued' and lost_attempt = $2)) returning id`,
  succeed: `update tasks set state = 'succeeded', finished_at = now(), lease_until = null, worker = null, progress = null
            where id = $1 and attempt = $2 and state = 'running' returning id`,
};

interface Held {
  readonly id: string;
  readonly attempt: number;
}

describe.skipIf(NO_POSTGRES)("an upgrade under load", () => {
  let cluster: PostgresCluster;
  let old: Database;
  beforeAll(async () => {
    cluster = await createCluster();
    old = openPostgres({ url: cluster.url });
    await migrate(old, migrations.slice(0, 10));
  });
  afterAll(async () => {
    await old?.close();
    await cluster?.remove();
  });

  let turn = 0;
  async function submitOld(): Promise<string> {
    const { task, request } = aTask({ seed: 7n });
    const { seed: _, ...plain } = task;
    const text = JSON.stringify({ ...plain, seed: 7 });
    const values = [task.taskUUID, hashBody(text), text, request, crypto.randomUUID(), turn++];
    await old.query(OLD.insert, values);
    return task.taskUUID;
  }

  test("old and new servers work together: every task ends once, none loses an attempt", async () => {
    const sent: string[] = [];
    const sentToNew: string[] = [];
    for (let i = 0; i < 30; i++) sent.push(await submitOld());
    const inHand = (await old.query<Held & Record<string, unknown>>(OLD.claim))[0]!;

    // The old server goes on, under the migration and after it.
    let isOver = false;
    let renewals = 0;
    const oldServer = (async () => {
      while (!isOver) {
        expect(await old.query(OLD.renew, [inHand.id, inHand.attempt, null])).toHaveLength(1);
        renewals++;
        const [next] = await old.query<Held & Record<string, unknown>>(OLD.claim);
        if (renewals % 3 === 0) sent.push(await submitOld());
        if (next) expect(await old.query(OLD.succeed, [next.id, next.attempt])).toHaveLength(1);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(await old.query(OLD.succeed, [inHand.id, inHand.attempt])).toHaveLength(1);
    })();

    const db = await openDatabase({ url: cluster.url });
    const signals = await openSignals({ db, processName: "new" });
    const presence = await openPresence({
      db,
      signals,
      beatMs: 200,
      offers: async () => ({ names: ["runware:108@1"] }),
    });
    const service = createTaskService({ db, signals, presence, maxQueued: 1_000, pollMs: 100 });
    const queue = createTaskQueue({ db, signals, presence, lane: "pictures" });
    const stop = new AbortController();
    const newWorker = (async () => {
      for (;;) {
        const claim = await queue.next(stop.signal);
        expect(await claim.result(aResult(claim, 0), true)).toBe(true);
        claim.release();
      }
    })().catch(() => {});
    for (let i = 0; i < 20; i++) {
      const fresh = aTask();
      expect((await service.submit("me", fresh)).kind).toBe("accepted");
      sentToNew.push(fresh.task.taskUUID);
      expect(await queue.sweep()).toBe(0); // the old server's lease is heeded
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    isOver = true;
    await oldServer;
    for (const taskUUID of [...sent, ...sentToNew]) {
      const record = await service.waitForFinal("me", taskUUID, AbortSignal.timeout(20_000));
      expect(record).toMatchObject({ state: "succeeded", attempt: 1 });
    }
    expect(renewals).toBeGreaterThan(5);
    // A task of the old server has waiters only if it was not over when this process began to wait for it.
    const noted = "select count(*)::int as n from tasks where waiters <> '{}' and task_uuid = any($1::text[])";
    expect((await db.query<{ n: number }>(noted, [sentToNew]))[0]!.n).toBe(20);
    stop.abort();
    await newWorker;
    queue.close();
    service.close();
    await presence.close();
    await signals.close();
    await db.close();
  });
});
