import { expect, test } from "vitest";
import { listener } from "../../test/cli.ts";
import { byteProgress, downloadProgress } from "./byte-progress.ts";

function stage(isTTY: boolean) {
  const ears = listener();
  const terminal = {
    stdout: ears.stream,
    stderr: Object.assign(ears.stream, { isTTY, columns: 100 }),
    stdin: process.stdin,
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
    onStopAgain() {},
  };
  return { terminal, text: ears.text };
}

test("in a pipe: a line for each tenth, with rate and time left", () => {
  const { terminal, text } = stage(false);
  let time = 0;
  const { at } = byteProgress(terminal, () => time);
  for (const [seconds, done] of [
    [10, 1e9],
    [11, 1.05e9],
    [100, 10e9],
    [400, 40e9],
  ] as const) {
    time = seconds * 1000;
    at("converting transformer", done, 40e9);
  }
  expect(text()).toBe(
    [
      "converting transformer: 1.0 GB of 40.0 GB, 6:30 min left, 100 MB/s",
      "converting transformer: 10.0 GB of 40.0 GB, 5:00 min left, 100 MB/s",
      "converting transformer: 40.0 GB of 40.0 GB, 100 MB/s",
      "",
    ].join("\n"),
  );
});

test("bytes of an earlier run do not count for the rate", () => {
  const { terminal, text } = stage(false);
  let time = 0;
  const { at } = byteProgress(terminal, () => time);
  time = 10_000;
  at("converting transformer", 21e9, 40e9, 20e9);
  expect(text()).toBe("converting transformer: 21.0 GB of 40.0 GB, 3:10 min left, 100 MB/s\n");
});

test("on a terminal: a bar with rate and time left; the next file has its own", () => {
  const { terminal, text } = stage(true);
  let time = 0;
  const { at, end } = byteProgress(terminal, () => time);
  time = 2000;
  at("converting vae", 0.1e9, 0.2e9);
  end();
  expect(text()).toMatch(/█+░+ converting vae: 100\.0 MB of 200\.0 MB, 2\.0 s left, 50 MB\/s/);
  const downloads = downloadProgress(terminal);
  downloads.at("a.safetensors", 5e6, 10e6);
  downloads.at("b.safetensors", 1e6, 10e6);
  downloads.end();
  expect(text()).toMatch(/a\.safetensors: 5\.0 MB of 10\.0 MB, 0 MB\/s.*b\.safetensors: 1\.0 MB of 10\.0 MB, 0 MB\/s/s);
  expect(text()).not.toContain("\n");
});
