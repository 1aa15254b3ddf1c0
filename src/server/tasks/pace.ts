/**
 * Speed of this installation, measured from earlier tasks. It gives the expected time of a task before it is sent, such
 * as "about 40 s".
 */

import type { ImageInferenceTask } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { readTask } from "./stored-task.ts";

/** The names of a model, and the pixels above which it generates a smaller image. */
export interface PacedModel {
  readonly names: readonly string[];
  readonly maxPixels?: number | undefined;
}

/** Number of tasks of which the median counts. The first task after a start includes the loading of the model. */
const TASKS = 9;
/** Number of the latest tasks to search, of any kind. A longer search would read the whole table. */
const LOOKED_AT = 200;
const MEGAPIXEL = 1024 * 1024;

/** The parameters that determine the duration of a task. */
type Extent = Pick<ImageInferenceTask, "steps" | "numberResults"> &
  Partial<Pick<ImageInferenceTask, "width" | "height" | "CFGScale" | "settings">>;

/** The work of a task, in pixels that pass through the network. */
export function workOf(
  { width, height, steps, numberResults, CFGScale = 4, settings }: Extent,
  maxPixels = Number.POSITIVE_INFINITY,
): number {
  const pixels = width === undefined || height === undefined ? MEGAPIXEL : width * height;
  const passes = (settings?.trueCFGScale ?? CFGScale) > 1 ? 2 : 1;
  return numberResults * steps * passes * Math.min(pixels, maxPixels);
}

/** Seconds per unit of `workOf`, from the latest tasks of this model; undefined without any. */
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
