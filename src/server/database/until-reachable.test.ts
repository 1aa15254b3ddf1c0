import { expect, test } from "vitest";
import { DatabaseUnavailableError, openDatabase } from "./index.ts";
import { untilReachable } from "./until-reachable.ts";

const away = new DatabaseUnavailableError("connect ECONNREFUSED");

test("retries with growing pauses until the database answers", async () => {
  const pauses: number[] = [];
  let tries = 0;
  const work = async () => {
    if (++tries < 3) throw away;
    return "there";
  };
  expect(await untilReachable(work, { seconds: 60, onWait: (_, pause) => pauses.push(pause) })).toBe("there");
  expect(pauses).toEqual([0.5, 1]);
});

test("gives up after its time, with the duration and the reason", async () => {
  const waited: string[] = [];
  const opening = openDatabase({
    url: "postgres://nobody:secret@127.0.0.1:1/none",
    patience: { seconds: 0.6, onWait: (error) => waited.push(error.message) }, // the pauses are 0.5 s and what is left
  });
  const error = await opening.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  expect(error.message).toMatch(/^gave up after 0\.6 s: .*ECONNREFUSED 127\.0\.0\.1:1$/);
  expect(waited.length).toBeGreaterThan(0); // two, where connecting takes no time
});

test("other errors are reported at once", async () => {
  const refused = async () => {
    throw new TypeError("password authentication failed");
  };
  await expect(untilReachable(refused, { seconds: 60 })).rejects.toThrow("password authentication failed");
});

test("stops waiting when it is aborted", async () => {
  const stop = new AbortController();
  const work = () => Promise.reject(away);
  const waiting = untilReachable(work, {
    seconds: 60,
    signal: stop.signal,
    onWait: () => stop.abort(new Error("stopped")),
  });
  await expect(waiting).rejects.toThrow("stopped");
});
