import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Graph, NO_WEIGHTS } from "./graph.ts";
import { createSession } from "./session.ts";

const [ROWS, WIDTH, TIMES] = [64, 1024, 512] as const;
/** Bytes of the largest tensor of a run. */
const LARGEST = 4 * ROWS * WIDTH * TIMES;

/** Repeats its input and sums the repetitions. */
function repeating(frugal: boolean) {
  const g = new Graph("repeating", NO_WEIGHTS);
  const wide = g.op("Mul", [
    g.op("Unsqueeze", [g.input("x", ["n", WIDTH]), g.ints([2])]),
    g.floats(Array(TIMES).fill(1)),
  ]);
  g.output("y", g.op("ReduceSum", [wide, g.ints([2])], { keepdims: 0 }), ["n", WIDTH]);
  return createSession(g.build(), { threads: 1, frugal });
}

/** Bytes of this process that belong to no file. */
const anonymous = () => 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]);

test.skipIf(process.platform !== "linux")(
  "a frugal session returns its working memory, a normal one keeps it",
  async () => {
    const x = { data: new Float32Array(ROWS * WIDTH).fill(4), dims: [ROWS, WIDTH] };
    const growth = async (frugal: boolean) => {
      const sessions = [await repeating(frugal), await repeating(frugal), await repeating(frugal)];
      const before = anonymous();
      for (const session of sessions) {
        const { y } = await session.run({ x });
        expect(y!.data.every((value) => value === 4 * TIMES)).toBe(true);
      }
      const after = anonymous();
      for (const session of sessions) await session.release();
      return after - before;
    };
    expect(await growth(true)).toBeLessThan(LARGEST / 2);
    expect(await growth(false)).toBeGreaterThan(2 * LARGEST);
  },
);

// ONNX Runtime 1.29 and later sends usage data by default. With that it keeps an identifier and a queue in the home folder.
test("ONNX Runtime collects no usage data: it writes nothing into the home folder", async () => {
  const home = await mkdtemp(join(tmpdir(), "inkstone-home-"));
  onTestFinished(() => rm(home, { recursive: true }));
  const code = `import { createSession, Graph, NO_WEIGHTS } from ${JSON.stringify(new URL("index.ts", import.meta.url))};
    const g = new Graph("absolute", NO_WEIGHTS);
    g.output("y", g.op("Abs", [g.input("x", [1])]), [1]);
    const session = await createSession(g.build());
    const { y } = await session.run({ x: { data: Float32Array.of(-3), dims: [1] } });
    console.log(y.data[0]);`;
  // Without the variables of CI systems, which turn it off too.
  const env = { HOME: home, PATH: process.env.PATH };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], {
    cwd: home,
    env,
  });
  expect(stdout).toBe("3\n");
  expect(await readdir(home, { recursive: true })).toEqual([]);
});
