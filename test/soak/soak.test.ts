/** A day in fast motion with few tasks. `npm run soak` is the whole one. */

import { expect, test } from "vitest";
import { excess } from "./limits.ts";
import { soak } from "./soak.ts";

test("a day with 1,000 tasks: memory, database, images, open files and timers stay flat", {
  timeout: 900_000,
}, async () => {
  const hours = await soak({ tasks: 1_000, onHour() {} });
  expect(hours.map(({ hour }) => hour)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
  expect(excess(hours)).toEqual([]);
});
