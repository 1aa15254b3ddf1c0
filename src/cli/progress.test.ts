import { expect, test } from "vitest";
import { listener } from "../../test/cli.ts";
import { createProgress, duration } from "./progress.ts";

function stage({ isTTY, steps = 4, columns }: { isTTY: boolean; steps?: number; columns?: number }) {
  let time = 0;
  const ears = listener();
  const stderr = Object.assign(ears.stream, { isTTY, columns });
  const terminal = {
    stdout: ears.stream,
    stderr,
    stdin: process.stdin,
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
    onStopAgain() {},
  };
  const progress = createProgress(terminal, 2, () => time);
  const step = (image: number, step: number, at: number) => {
    time = at;
    progress.step({ image, step, steps, share: step / steps });
  };
  return { progress, step, text: ears.text };
}

test("in a pipe: a line per second and one per finished image, with rate and remaining time", () => {
  const { step, text } = stage({ isTTY: false });
  for (const [image, n, at] of [
    [0, 1, 500],
    [0, 2, 1000],
    [0, 3, 1500],
    [0, 4, 2000],
    [1, 1, 2500],
    [1, 2, 3000],
    [1, 3, 3500],
    [1, 4, 4000],
  ] as const) {
    step(image, n, at);
  }
  expect(text()).toBe(
    [
      "image 1/2, step 2/4, 3.0 s left, 2.00 it/s",
      "image 1/2, step 4/4, 2.0 s left, 2.00 it/s",
      "image 2/2, step 2/4, 1.0 s left, 2.00 it/s",
      "image 2/2, step 4/4, 0.0 s left, 2.00 it/s",
      "",
    ].join("\n"),
  );
});

test("the rate follows the last steps, not the slow start", () => {
  const { step, text } = stage({ isTTY: false, steps: 40 });
  for (let n = 1; n <= 40; n++) step(0, n, n <= 4 ? n * 10_000 : 40_000 + (n - 4) * 100);
  expect(text().trim().split("\n").at(-1)).toContain("10.00 it/s");
});

test("on a terminal: one bar, redrawn in place and removed at the end", () => {
  const { step, progress, text } = stage({ isTTY: true });
  step(0, 1, 500);
  step(0, 2, 1000);
  progress.end();
  expect(text()).toContain("█");
  expect(text()).toContain("image 1/2, step 2/4, 3.0 s left, 2.00 it/s");
  expect(text()).not.toContain("\n");
});

test("a line fits the terminal: the least important part goes first, and the bar if there is no room", () => {
  for (const [columns, expected] of [
    [80, /^[█░]{24} image 1\/2, step 37\/100, 5\.4 s left, 30\.30 it\/s$/],
    [40, /^[█░]{0,24} ?image 1\/2, step 37\/100, 5\.4 s left$/],
    [28, /^image 1\/2, step 37\/100$/],
    [10, /^image 1\/2$/],
    [6, /^image$/],
  ] as const) {
    const { step, progress, text } = stage({ isTTY: true, steps: 100, columns });
    for (let n = 1; n <= 37; n++) step(0, n, n * 33);
    progress.end();
    const cursorMoves = /^\[[?\d;]*[A-Za-z]/;
    const lines = text()
      .split("\u001b")
      .map((piece) => piece.replace(cursorMoves, "").trim());
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(columns);
    expect(lines.findLast((line) => line.includes("image"))).toMatch(expected);
  }
});

test.each([
  [0, "0.0 s"],
  [59.9, "59.9 s"],
  [60, "1:00 min"],
  [3599.9, "1:00:00 h"],
  [7325, "2:02:05 h"],
])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));
