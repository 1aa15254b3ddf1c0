/** `npm run soak [TASKS] [FOLDER]`: a day of 100,000 tasks in fast motion. Ends with 1 when anything grows. */

import { excess } from "./limits.ts";
import { type Hour, soak } from "./soak.ts";

const [tasks = "100000", parent] = process.argv.slice(2);
const row = (values: readonly (string | number)[]) =>
  console.log(values.map((value) => String(value).padStart(11)).join(""));
const figures = ["hour", "tasks", "heapMB", "residentMB", "databaseMB", "imagesMB", "openFiles", "timers"] as const;

const begun = performance.now();
row(figures);
const onHour = (hour: Hour) => row(figures.map((figure) => Math.round(10 * hour[figure]) / 10));
const hours = await soak({ tasks: Number(tasks), ...(parent !== undefined && { parent }), onHour });
console.log(`${Math.round((performance.now() - begun) / 1000)} s`);
const grown = excess(hours);
for (const line of grown) console.log(line);
process.exitCode = grown.length > 0 ? 1 : 0;
