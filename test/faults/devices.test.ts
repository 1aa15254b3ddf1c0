/** Several devices in one server: an engine process each, and what is told of one that cannot be used. */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { metricsOf } from "../support/metrics.ts";
import { serversPerTest } from "../support/servers-per-test.ts";
import { aTask } from "../support/tasks.ts";

vi.setConfig({ testTimeout: 120_000 });

const { dataFolder, start } = serversPerTest();
const readiness = async (address: string) => {
  const response = await fetch(`${address}/readyz`);
  return {
    code: response.status,
    ...((await response.json()) as { status: string; reason?: string; devices: object[] }),
  };
};
const usable = async (address: string) =>
  (await metricsOf(address)).split("\n").filter((line) => line.startsWith("inkstone_device_usable"));

test("a list of devices runs as many tasks in parallel, and logs how each was opened", async () => {
  const server = await start({ INKSTONE_DEVICE: "webgpu, cuda:1" });
  const address = await server.ready;
  const { code, status, devices } = await readiness(address);
  const note = (name: string) => ({ name, note: expect.stringMatching(new RegExp(`^${name} in \\d+$`)) });
  expect([code, status, devices]).toEqual([200, "ready", [note("webgpu"), note("cuda:1")]]);
  expect(await usable(address)).toEqual([
    'inkstone_device_usable{device="webgpu",engine="0"} 1',
    'inkstone_device_usable{device="cuda:1",engine="1"} 1',
  ]);

  const tasks = [1, 2].map(() => aTask({ deliveryMethod: "async", steps: 20, positivePrompt: "step 100" }));
  for (const task of tasks) await server.submit(task);
  const metrics = () => metricsOf(address);
  await expect.poll(metrics).toContain('inkstone_tasks{state="running"} 2');
  for (const { task } of tasks) expect((await server.final(task.taskUUID)).data).toHaveLength(1);
});

test("an unusable device: not ready, with the reason; ready with another device next to it", async () => {
  const file = join(await dataFolder(), "trouble");
  await writeFile(file, "its driver is too old");
  const alone = await start({ INKSTONE_DEVICE: "cuda", INKSTONE_TEST_DEVICE_FILE: file });
  expect(await readiness(await alone.ready)).toEqual({
    ...{ code: 503, status: "not ready", reason: "cuda: its driver is too old" },
    devices: [{ name: "cuda", trouble: "its driver is too old" }],
  });
  await alone.kill();
  const beside = await start({ INKSTONE_DEVICE: "cuda,cpu", INKSTONE_TEST_DEVICE_FILE: file });
  const address = await beside.ready;
  expect(await readiness(address)).toEqual({
    ...{ code: 200, status: "ready" },
    devices: [
      { name: "cuda", trouble: "its driver is too old" },
      { name: "cpu", note: "cpu" },
    ],
  });
  expect(await usable(address)).toContain('inkstone_device_usable{device="cuda",engine="0"} 0');
  const task = aTask({ deliveryMethod: "async" });
  await beside.submit(task);
  expect((await beside.final(task.task.taskUUID)).data).toHaveLength(1);
  await rm(file);
  await vi.waitFor(async () => expect((await readiness(address)).devices[0]).not.toHaveProperty("trouble"), 20_000);
});
