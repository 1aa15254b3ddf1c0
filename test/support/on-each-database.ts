import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import { TEST_DATABASES, type TestDatabase } from "./databases.ts";
import { type OpenTasks, openTasks } from "./tasks.ts";

/** Declares the same tests for each database. `tasks` is filled in when they run, and emptied before each of them. */
export function onEachDatabase(title: string, declare: (tasks: OpenTasks, database: TestDatabase) => void): void {
  for (const database of TEST_DATABASES) {
    const skipped = database.skip ? ` (${database.skip})` : "";
    describe.skipIf(database.skip)(`${title} on ${database.name}${skipped}`, () => {
      const tasks = {} as OpenTasks;
      let open: Awaited<ReturnType<typeof database.open>> | undefined;
      beforeAll(async () => {
        open = await database.open();
        Object.assign(tasks, await openTasks(open.db));
      });
      beforeEach(() => tasks.clear());
      afterAll(async () => {
        await tasks.close?.();
        await open?.drop();
      });
      declare(tasks, database);
    });
  }
}
