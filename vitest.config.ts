import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Suites that start servers and engines and mostly wait for them: two at a time, after the others. */
const servers = [
  "test/contract/**",
  "test/deploy/**",
  "test/faults/**",
  "test/finishing/**",
  "test/snippets/**",
  "src/server/worker/**",
  "src/server/delivery/**",
  "src/drawing/process/**",
  "src/cli/main.test.ts",
];

/** Suites that hold clocks to promises, look through a browser, or build what others read: one at a time, when nothing else runs. */
const alone = [
  "test/package/**",
  "test/soak/**",
  "test/attacks/**",
  "test/page/**",
  "test/site/**",
  "test/bench/**",
  "test/gpu/**",
];

/** The contract suites, once more against an API server and a worker with separate folders. They need PostgreSQL and an S3 server. */
const onMachines =
  process.env.INKSTONE_TEST_DATABASE_URL && process.env.INKSTONE_TEST_S3_SERVER
    ? globSync("test/contract/*.test.ts").filter((path) => {
        const suite = readFileSync(path, "utf8");
        return suite.includes("startContractServer") && !suite.includes("INKSTONE_DATABASE_URL");
      })
    : [];

/** A folder as the pattern of its tests. */
const testsIn = (path: string) => (path.endsWith("**") ? `${path}/*.test.ts` : path);

export default defineConfig({
  test: {
    // Against hangs only; a busy machine takes ten times as long as a quiet one.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 20_000 } },
    globalSetup: "packed/unpack.mjs",
    // Two cores and native thread pools: more files at once only slow each other down.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["src/**/*.test.ts", "test/**/*.test.ts", "web/**/*.test.ts"],
          exclude: [...servers, ...alone],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "servers", include: servers.map(testsIn), sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: alone.map(testsIn),
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "machines",
          include: onMachines,
          env: { INKSTONE_TEST_MACHINES: "1" },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
