import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../../test/support/databases.ts";
import { aResult, aTask } from "../../../test/support/tasks.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { openPresence } from "./presence.ts";
import { createTaskQueue } from "./queue.ts";
import { createTaskService } from "./service.ts";
import { openSignals } from "./signals.ts";

const { open, skip } = TEST_DATABASES.find(({ name }) => name === "postgres")!;

describe.skipIf(skip)(`the statements of a sync task${skip ? ` (skipped: ${skip})` : ""}`, () => {
  let database: Awaited<ReturnType<typeof open>>;
  const opened: (() => unknown)[] = [];
  beforeAll(async () => {
    database = await open();
  });
  afterAll(async () => {
    for (const close of opened.reverse()) await close();
    await database?.drop();
  });

  /** A process with a list of its statements. Its heartbeats come before the test, and then not for an hour. */
  async function openProcess(processName: string) {
    const db = await openDatabase({ url: database.url! });
    const statements: string[] = [];
    const counted: Database = {
      ...db,
      query: (sql, parameters) => {
        statements.push(KINDS.find(([, fits]) => fits.test(sql))?.[0] ?? sql);
        return db.query(sql, parameters);
      },
    };
    const signals = await openSignals({ db: counted, processName });
    const presence = await openPresence({ db: counted, signals, beatMs: 3_600_000 });
    opened.push(db.close, signals.close, presence.close);
    return { db: counted, signals, presence, statements };
  }

  test("seven: three of the server, which does not read what it has just stored, and four of the worker", async () => {
    const [api, worker] = [await openProcess("api"), await openProcess("worker")];
    const service = createTaskService({ ...api, maxQueued: 10, pollMs: 3_600_000 });
    const queue = createTaskQueue({ ...worker, lane: "pictures", renewMs: 3_600_000 });
    opened.push(service.close, queue.close);
    const stop = new AbortController();
    const idle = queue.next(stop.signal);
    await expect.poll(() => worker.statements.at(-1)).toBe("rest");
    for (const { statements } of [api, worker]) statements.length = 0;

    const outcome = await service.submit("me", aTask());
    if (outcome.kind !== "accepted") throw new Error(outcome.kind);
    const final = service.waitForFinal("me", outcome.record);
    const claim = await idle;
    await claim.result(aResult(claim, 0), true);
    claim.release();
    const next = queue.next(stop.signal);
    expect(await final).toMatchObject({ state: "succeeded", results: [{ index: 0 }] });
    await expect.poll(() => worker.statements.at(-1)).toBe("rest");
    expect(api.statements).toEqual(["store", "wake", "read"]);
    expect(worker.statements.toSorted()).toEqual(["claim", "notify", "record", "rest"]);
    stop.abort();
    await expect(next).rejects.toThrow();
  });

  test("a task that ends before the reply to its insertion arrives is not waited for", async () => {
    const [api, worker] = [await openProcess("quick-api"), await openProcess("quick-worker")];
    const queue = createTaskQueue({ ...worker, lane: "pictures", renewMs: 3_600_000 });
    const query: Database["query"] = async (sql, parameters) => {
      const rows = await api.db.query(sql, parameters);
      if (!/insert into tasks/.test(sql)) return rows as never;
      const claim = (await queue.claim())!;
      const ended = new Promise<void>((resolve) => {
        api.signals.listen((signal) => {
          if (signal.type === "changed" && signal.ended) resolve();
        });
      });
      await claim.result(aResult(claim, 0), true);
      claim.release();
      await ended;
      return rows as never;
    };
    const service = createTaskService({ ...api, db: { ...api.db, query }, maxQueued: 10, pollMs: 3_600_000 });
    opened.push(service.close, queue.close);
    const outcome = await service.submit("me", aTask());
    if (outcome.kind !== "accepted") throw new Error(outcome.kind);
    const final = await service.waitForFinal("me", outcome.record, AbortSignal.timeout(20_000));
    expect(final).toMatchObject({ state: "succeeded" });
  });
});

/** Names of the statements. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ["store", /insert into tasks/],
  ["wake", /delete from idle_workers i using picked/],
  ["claim", /set state = 'running', attempt = attempt \+ 1/],
  ["record", /insert into images/],
  ["rest", /insert into idle_workers/],
  ["notify", /pg_notify\(channel, message\)/],
  ["read", /select t\.id::text, t\.owner/],
];
