import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../../test/support/databases.ts";
import { openDatabase } from "../database/index.ts";
import { joinMessages, messagesOf, openSignals, type TaskSignal } from "./signals.ts";

const letters = (length: number) => "茶aé😀".repeat(length / 5);

test("long texts are split into messages that PostgreSQL carries, and arrive whole, whatever comes between", () => {
  const heard: string[] = [];
  const take = joinMessages((text) => heard.push(text));
  const [first, second] = [JSON.stringify({ a: letters(40_000) }), JSON.stringify({ b: letters(30_000) })];
  const [some, others] = [messagesOf(first), messagesOf(second)];
  for (const message of [...some, ...others]) expect(Buffer.byteLength(message)).toBeLessThan(8_000);
  for (let i = 0; i < Math.max(some.length, others.length); i++) {
    for (const message of [some[i], others.at(-1 - i)]) if (message !== undefined) take(message);
  }
  take('{"short":1}');
  take("not one of ours");
  expect(heard.toSorted()).toEqual([first, second, '{"short":1}'].toSorted());
});

test("incomplete messages do not accumulate", () => {
  const heard: string[] = [];
  const take = joinMessages((text) => heard.push(text));
  const lost = messagesOf(`{"lost":"${letters(20_000)}"}`);
  take(lost[0]!);
  for (let i = 0; i < 200; i++) take(messagesOf(`{"lost":"${letters(20_000)}"}`)[0]!);
  for (const message of lost.slice(1)) take(message);
  expect(heard).toEqual([]);
});

const database = TEST_DATABASES.find(({ name }) => name === "postgres")!;
describe.skipIf(database.skip)(`between processes${database.skip ? ` (${database.skip})` : ""}`, () => {
  let opened: Awaited<ReturnType<typeof database.open>>;
  beforeAll(async () => {
    opened = await database.open();
  });
  afterAll(() => opened?.drop());

  test("a preview of 60 kB reaches a subscriber of another process", async () => {
    const elsewhere = await openDatabase({ url: opened.url! });
    const here = await openSignals({ db: opened.db, processName: randomUUID() });
    const there = await openSignals({ db: elsewhere, processName: randomUUID() });
    const heard: TaskSignal[] = [];
    there.listen((signal) => heard.push(signal));
    await expect.poll(() => heard.some(({ type }) => type === "gap")).toBe(true); // it listens now
    const preview = { image: 0, step: 1, steps: 2, dataURI: `data:image/webp;base64,${"A".repeat(60_000)}` };
    here.publish({ type: "preview", id: "7", preview }, [there.processName]);
    await expect
      .poll(() => heard.filter(({ type }) => type === "preview"))
      .toEqual([{ type: "preview", id: "7", preview }]);
    await there.close();
    await here.close();
    await elsewhere.close();
  });
});
