import { expect, test } from "vitest";
import { watchDisks } from "./disk-space.ts";

test("the fullest disk counts, an unreadable folder does not; a full disk is reported with the missing space", async () => {
  const free = async (folder: string) => {
    if (folder === "gone") throw new Error("ENOENT");
    return folder === "large" ? 9e9 : 20e6;
  };
  expect(await watchDisks(["large", "gone"], 64e6, free).shortage()).toBeUndefined();
  expect(await watchDisks(["gone"], 64e6, free).shortage()).toBeUndefined();
  const short = watchDisks(["large", "small", "gone"], 64e6, free);
  expect(await short.freeBytes()).toBe(20e6);
  expect((await short.shortage())?.message).toBe(
    "its disk is full: 20 MB are free, and 64 MB must stay free (INKSTONE_MIN_FREE_MB)",
  );
  expect(await watchDisks(["small"], 0, free).shortage()).toBeUndefined();
  expect(await watchDisks(["small"], 0, async () => 0).shortage()).toBeDefined();
});
