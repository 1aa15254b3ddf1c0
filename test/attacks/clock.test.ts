/**
 * The clock is set back, or forward, by minutes or an hour. Held to: no task and no delivery waits for it, a key that is revoked is out, a
 * new model is found. (In the database what is stored is moved instead.)
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { openModelCatalogue } from "../../src/models/index.ts";
import { takeDue } from "../../src/server/delivery/outbox.ts";
import { openKeyFile } from "../../src/server/http/api-keys.ts";
import { openKeyTable } from "../../src/server/http/key-table.ts";
import { onEachDatabase } from "../support/on-each-database.ts";
import { aResult, aTask } from "../support/tasks.ts";

const MOVED: Readonly<Record<string, readonly string[]>> = {
  tasks: ["not_before", "lease_until", "created_at", "started_at", "finished_at", "asked_at"],
  deliveries: ["next_attempt_at", "attempted_at", "created_at"],
};

onEachDatabase("a clock that jumps", (tasks) => {
  async function clockMoves(by: string): Promise<void> {
    for (const [table, columns] of Object.entries(MOVED)) {
      await tasks.db.query(
        `update ${table} set ${columns.map((one) => `${one} = ${one} - interval '${by}'`).join(", ")}`,
      );
    }
  }
  const take = () => takeDue(tasks.db, { leaseSeconds: 60, busyOwners: [], busyHosts: [], underWay: [] });

  test.each(["-1 hour", "-10 minutes", "1 hour"])(
    "%s: queued, delayed and returned tasks start, lost ones return",
    async (by) => {
      for (let i = 0; i < 3; i++) await tasks.service.submit("me", aTask());
      const [failed, back] = [(await tasks.queue.claim())!, (await tasks.queue.claim())!];
      await failed.fail({ error: tasks.error, death: false, again: true });
      await back.handBack();
      await clockMoves(by);
      const claims = [await tasks.queue.claim(), await tasks.queue.claim(), await tasks.queue.claim()];
      expect(claims.every((claim) => claim !== undefined)).toBe(true);
      for (const claim of [failed, back, ...claims]) claim!.release();
      await clockMoves(by);
      await clockMoves(by);
      expect(await tasks.queue.sweep()).toBe(3);
    },
  );

  test.each(["-1 hour", "-10 minutes", "1 hour"])("%s: deliveries are sent, new and delayed ones", async (by) => {
    await tasks.service.submit("me", aTask({ numberResults: 2, webhookURL: "https://a.example/hook" }));
    const claim = (await tasks.queue.claim())!;
    for (const i of [0, 1]) await claim.result(aResult(claim, i), i === 1);
    claim.release();
    expect(await take()).toBeDefined();
    await tasks.db.query("update deliveries set taken = false, next_attempt_at = now() + interval '40 s' where taken");
    await clockMoves(by);
    expect([await take(), await take()].every((due) => due !== undefined)).toBe(true);
  });

  test("-1 hour: state that lasts for seconds does not last for an hour", async () => {
    const folder = await mkdtemp(join(tmpdir(), "inkstone-clock-"));
    // From the beginning: whoever kept the function that tells the time is set back too.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const file = openKeyFile(folder);
    const [here, there] = [
      await openKeyTable(tasks.db, file),
      await openKeyTable(tasks.db, openKeyFile(join(folder, "other"))),
    ];
    const { known } = await here.create("mine");
    const models = openModelCatalogue({ modelsDir: join(folder, "models"), bundledDir: join(folder, "none") });
    try {
      expect([(await there.list()).length, (await models.list()).length]).toEqual([1, 0]);
      vi.setSystemTime(Date.now() - 3_600_000);
      await here.revoke(known.id);
      await mkdir(join(folder, "models", "new"), { recursive: true });
      const card = { air: "me:new@1", name: "New", checkpoint: resolve("test/fixtures/plain/checkpoint") };
      await writeFile(join(folder, "models", "new", "card.json"), JSON.stringify(card));
      await expect.poll(async () => (await there.list()).length).toBe(0);
      await expect.poll(async () => (await models.list()).length).toBe(1);
    } finally {
      vi.useRealTimers();
      await rm(folder, { recursive: true });
    }
  });
});
