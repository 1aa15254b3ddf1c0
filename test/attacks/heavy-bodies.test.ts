/**
 * Bodies whose parsing and validation cost far more than their bytes. Held to: 250 ms of the answering thread for 16 MB, most of
 * them for reading (20 s before); others are answered within 250 ms meanwhile.
 */

import { beforeAll, expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { aTask, OTHER_KEY, onEachDatabase, post, type Victim } from "./victim.ts";

const SIZE = 16e6;

const keys = (bytes: number) => {
  const pairs = Array.from({ length: Math.floor(bytes / 60) }, (_, i) => `"${`key${i}`.padEnd(50, "x")}":1`);
  return `[{${pairs.join(",")}}]`;
};
const task = JSON.stringify(aTask()).slice(1, -1);

const ATTACKS: readonly [name: string, body: () => string, status: number, code: string][] = [
  ["a million unknown keys", () => keys(SIZE), 400, "invalidRequest"],
  ["a million ones for tasks", () => `[${"1,".repeat(SIZE / 2)}1]`, 400, "maxTasksExceeded"],
  ["millions of ones in one parameter", () => `[{${task},"lora":[${"1,".repeat(SIZE / 2)}1]}]`, 400, "invalidRequest"],
  ["millions of brackets", () => "[".repeat(SIZE), 400, "invalidRequest"],
  ["keys as long as they can be", () => `[{"${"k".repeat(SIZE)}":1}]`, 400, "invalidRequest"],
  ["a prompt of megabytes", () => `[{${task},"negativePrompt":"${"a ".repeat(SIZE / 2)}"}]`, 400, "invalidRequest"],
  ["a prompt of escapes", () => `[{${task},"negativePrompt":"${"\\u0000".repeat(SIZE / 6)}"}]`, 400, "invalidRequest"],
  ["a number of millions of digits", () => `[{${task},"seed":${"9".repeat(SIZE)}}]`, 400, "invalidRequest"],
  ["nothing but white space", () => `[${" ".repeat(SIZE)}]`, 400, "invalidRequest"],
  ["an image of white space", () => `[{${task},"seedImage":"${"\\n".repeat(SIZE / 2)}"}]`, 400, "invalidSeedImage"],
  ["an image that is none", () => `[{${task},"seedImage":"${"A".repeat(SIZE)}"}]`, 400, "invalidSeedImage"],
];

onEachDatabase("heavy bodies", (start) => {
  let victim: Victim;

  beforeAll(async () => {
    victim = await start();
    // The thread for large bodies begins with the first one.
    await post(victim.base, " ".repeat(1e6));
  });

  test.each(ATTACKS)("%s", async (_, body, status, code) => {
    await victim.busyMs();
    const answer = await post(victim.base, body());
    const busy = await victim.busyMs();
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(answer.text.length).toBeLessThan(2_000);
    expect(busy).toBeLessThan(250);
  });

  test("a large body is parsed in a thread, which takes longer than the answering thread", async () => {
    const body = `[{${task},"seedImage":"${"A".repeat(40e6)}"}]`;
    await victim.busyMs();
    await victim.elsewhereMs();
    expect((await post(victim.base, body)).body.error.code).toBe("invalidSeedImage");
    expect(await victim.busyMs()).toBeLessThan(await victim.elsewhereMs());
  });

  test("other requests are answered meanwhile", async () => {
    const bodies = ATTACKS.map(([, body]) => body());
    const waited = await whileOthersAsk(victim.base, OTHER_KEY, async () => {
      for (const body of bodies) await post(victim.base, body);
    });
    expect(waited.median).toBeLessThan(MOST_MS);
  });

  test("after all of them the memory is released", async () => {
    expect(await victim.residentMB()).toBeLessThan(800);
  });
});
