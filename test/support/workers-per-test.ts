import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { ImageInferenceTask } from "../../src/protocol/index.ts";
import { TEST_DATABASES } from "./databases.ts";
import { aTask, type OpenTasks, openTasks } from "./tasks.ts";
import { openWorker, type WorkerSetting } from "./workers.ts";

/** Workers on an embedded database that is emptied before each test, and closed after it. To be called at the top of a test file. */
export function workersPerTest() {
  const tasks = {} as OpenTasks;
  const running: Awaited<ReturnType<typeof openWorker>>[] = [];
  let opened: Awaited<ReturnType<(typeof TEST_DATABASES)[0]["open"]>> | undefined;

  beforeAll(async () => {
    opened = await TEST_DATABASES[0]!.open();
  });
  beforeEach(async () => {
    Object.assign(tasks, await openTasks(opened!.db));
    await tasks.clear();
  });
  afterEach(async () => {
    for (const { close } of running.splice(0)) await close();
    await tasks.close();
  });
  afterAll(() => opened?.drop());

  return {
    /** Filled in anew for each test. */
    tasks,
    async start(setting: WorkerSetting = {}) {
      const worker = await openWorker(tasks, setting);
      running.push(worker);
      return worker;
    },
    async submit(fields: Partial<ImageInferenceTask> = {}): Promise<string> {
      const sent = aTask(fields);
      await tasks.service.submit("me", sent);
      return sent.task.taskUUID;
    },
    final: async (taskUUID: string) => (await tasks.service.waitForFinal("me", taskUUID, AbortSignal.timeout(20_000)))!,
  };
}
