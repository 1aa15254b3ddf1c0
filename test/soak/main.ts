/** `npm run soak [TASKS] [FOLDER | postgres]`: a day of 100,000 tasks in fast motion. Ends with 1 when anything grows or a task is lost. */

import { excess } from "./limits.ts";
import { createMovedDatabase } from "./moved-database.ts";
import { type Hour, soak } from "./soak.ts";

const [tasks = "100000", where] = process.argv.slice(2);
const row = (values: readonly (string | number)[]) =>
  console.log(values.map((value) => String(value).padStart(11)).join(""));
const figures = [
  "hour",
  "tasks",
  "heapMB",
  "residentMB",
  "databaseMB",
  "imagesMB",
  "openFiles",
  "timers",
  "cpuSeconds",
] as const;

const begun = performance.now();
row(figures);
const onHour = (hour: Hour) => row(figures.map((figure) => Math.round(10 * hour[figure]) / 10));
const database = where === "postgres" ? await createMovedDatabase() : undefined;
const parent = database === undefined ? where : undefined;
try {
  const hours = await soak({
    tasks: Number(tasks),
    ...(parent !== undefined && { parent }),
    ...(database !== undefined && { database }),
    onHour,
  });
  console.log(`${Math.round((performance.now() - begun) / 1000)} s`);
  const grown = excess(hours);
  for (const line of grown) console.log(line);
  process.exitCode = grown.length > 0 ? 1 : 0;
} finally {
  await database?.drop();
}
