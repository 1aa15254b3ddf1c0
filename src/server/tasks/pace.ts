/** How fast this installation draws, learnt from what it has drawn: for "about 40 s" before a task is sent. */

import type { ImageInferenceTask } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { readTask } from "./stored-task.ts";

/** The model's names, and the pixels above which it draws smaller. */
export interface PacedModel {
  readonly names: readonly string[];
  readonly maxPixels?: number | undefined;
}

/** Of so many tasks the middle one counts: the first one has waited for the model to load. */
const TASKS = 9;
/** Of so many that ended last, whatever they were: looking further would read the whole table. */
const LOOKED_AT = 200;
const MEGAPIXEL = 1024 * 1024;

/** What of a task decides how long it takes. */
type Extent = Pick<ImageInferenceTask, "steps" | "numberResults"> &
  Partial<Pick<ImageInferenceTask, "width" | "height" | "CFGScale" | "settings">>;

/** What drawing a task takes, in pixels that pass through the network. */
export function workOf(
  { width, height, steps, numberResults, CFGScale = 4, settings }: Extent,
  maxPixels = Number.POSITIVE_INFINITY,
): number {
  const pixels = width === undefined || height === undefined ? MEGAPIXEL : width * height;
  const passes = (settings?.trueCFGScale ?? CFGScale) > 1 ? 2 : 1;
  return numberResults * steps * passes * Math.min(pixels, maxPixels);
}

/** Seconds for each unit of `workOf`, by the newest tasks of this model; undefined when none is kept. */
export async function paceOf(db: Queryable, { names, maxPixels }: PacedModel): Promise<number | undefined> {
  const rows = await db.query<{ task: string; seconds: number }>(
    `select task, seconds from (
       select task, extract(epoch from finished_at - started_at)::float8 as seconds, finished_at
       from tasks where finished_at is not null and state = 'succeeded' and lane = 'pictures'
       order by finished_at desc limit ${LOOKED_AT}) recent
     where task::json->>'taskType' = 'imageInference' and task::json->>'model' = any($1::text[])
     order by finished_at desc limit ${TASKS}`,
    [names],
  );
  const paces = rows
    .map(({ task, seconds }) => seconds / workOf(readTask(task) as ImageInferenceTask, maxPixels))
    .sort((a, b) => a - b);
  return paces[Math.floor(paces.length / 2)];
}
