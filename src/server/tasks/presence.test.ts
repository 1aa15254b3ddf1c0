import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCluster, NO_POSTGRES, type PostgresCluster } from "../../../test/support/postgres-cluster.ts";
import { aResult, aTask } from "../../../test/support/tasks.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { forgetGone, openPresence } from "./presence.ts";
import { createTaskQueue } from "./queue.ts";
import { createTaskService } from "./service.ts";
import { openSignals } from "./signals.ts";
import type { ModelInMemory } from "./types.ts";

describe.skipIf(NO_POSTGRES)("processes on one PostgreSQL", () => {
  let cluster: PostgresCluster;
  let db: Database;
  const opened: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    cluster = await createCluster();
    db = await openDatabase({ url: cluster.url });
  });
  beforeEach(() => db.query("delete from tasks"));
  afterAll(async () => {
    for (const close of opened) await close();
    await db?.close();
    await cluster?.remove();
  });

  async function start(processName: string, ...names: string[]) {
    const signals = await openSignals({ db, processName });
    const presence = await openPresence({ db, signals, offers: async () => ({ names, catalogue: processName }) });
    opened.push(presence.close, signals.close);
    return { signals, presence, queue: createTaskQueue({ db, signals, presence, lane: "pictures" }) };
  }

  test("a clock that is set forward does not make a process look dead: a worker leaves the task to the one with its model", async () => {
    const has = await start("has", "me:there@1");
    const lacks = await start("lacks", "me:other@1");
    const service = createTaskService({ db, signals: lacks.signals, presence: lacks.presence, maxQueued: 10 });
    await service.submit("me", aTask({ model: "me:there@1" }));
    await db.query("update processes set seen_at = seen_at - interval '1 hour'");
    await forgetGone(db);
    expect(await lacks.queue.claim()).toBeUndefined();
    expect(await lacks.presence.catalogues()).toEqual(["has"]);
    expect(await has.queue.claim()).toBeDefined();
  });

  test("a process that has missed four beats of the upkeep counts as dead", async () => {
    await start("lives", "me:a@1");
    const { presence } = await start("asks", "me:b@1");
    await db.query("select nextval('upkeeper_beats') from generate_series(1, 3)");
    expect(await presence.catalogues()).toContain("lives");
    await db.query("select nextval('upkeeper_beats')");
    expect(await presence.catalogues()).toEqual([]);
    await db.query("update processes set seen_at = now() - interval '11 minutes' where name = 'lives'");
    await forgetGone(db);
    expect(await db.query("select 1 from processes where name = 'lives'")).toEqual([]);
  });

  test("models that a process has received are known elsewhere when it has announced them; only processes that answer are notified", async () => {
    const names = ["me:a@1"];
    const signals = await openSignals({ db, processName: "receives" });
    const receives = await openPresence({
      db,
      signals,
      offers: async () => ({ names: [...names], catalogue: names.join() }),
      answers: false,
    });
    opened.push(receives.close, signals.close);
    const answers = await start("answers");
    const works = await openSignals({ db, processName: "works" });
    const working = await openPresence({ db, signals: works, answers: false });
    opened.push(working.close, works.close);
    const heard: string[] = [];
    answers.signals.listen(({ type }) => heard.push(`answers ${type}`));
    works.listen(({ type }) => heard.push(`works ${type}`));
    await expect.poll(() => heard).toContain("works gap"); // it listens now

    names.push("me:b@1");
    await receives.announce();
    expect(await answers.presence.catalogues()).toContain("me:a@1,me:b@1");
    expect(await db.query("select offers from processes where name = 'receives'")).toEqual([{ offers: names }]);
    await expect.poll(() => heard).toContain("answers models");
    expect(heard).not.toContain("works models");
    heard.length = 0;
    await receives.announce(); // nothing is new
    await answers.presence.catalogues();
    expect(heard).toEqual([]);
  });

  test("a model in memory is known elsewhere before the results that are recorded after it was loaded", async () => {
    const [draws, asks] = [await start("draws", "me:c@1"), await start("asks-too")];
    const service = createTaskService({ db, ...asks, maxQueued: 10 });
    await service.submit("me", aTask({ model: "me:c@1" }));
    const claim = (await draws.queue.claim())!;
    const { promise: slow, resolve } = Promise.withResolvers<readonly ModelInMemory[]>();
    draws.presence.hold(() => slow);
    const recorded = claim.result(aResult(claim, 0), true);
    resolve([{ air: "me:c@1", state: "ready" }]);
    await recorded;
    claim.release();
    expect(await asks.presence.inMemory()).toEqual([{ air: "me:c@1", state: "ready" }]);
    expect(await draws.presence.inMemory()).toEqual([]); // those of others
    service.close();
  });
});
