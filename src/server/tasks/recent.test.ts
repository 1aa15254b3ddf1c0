import { expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { aTask } from "../../../test/support/tasks.ts";
import type { Database } from "../database/index.ts";
import { createTaskService } from "./service.ts";

onEachDatabase("tasks accepted last", (tasks) => {
  test.each([
    [1_000, false],
    [60_000, false],
    [70_000, true],
  ])("of one with a picture of %i characters the row is read by who waits for it: %s", async (characters, read) => {
    const asked: string[] = [];
    const query: Database["query"] = (sql, parameters) => {
      asked.push(sql);
      return tasks.db.query(sql, parameters);
    };
    const service = createTaskService({ ...tasks, db: { ...tasks.db, query }, pollMs: 600_000 });
    const sent = aTask({ inputs: { seedImage: "A".repeat(characters), strength: 0.5 } });
    await service.submit("me", sent);
    asked.length = 0;
    const final = service.waitForFinal("me", sent.task.taskUUID);
    await tasks.settle();
    expect(asked.some((sql) => sql.includes("from tasks t where"))).toBe(read);
    await service.cancel("me", sent.task.taskUUID);
    expect(await final).toMatchObject({ state: "cancelled", task: sent.task });
    service.close();
  });
});
