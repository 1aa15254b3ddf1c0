import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ModelLocations } from "./locations.ts";

/** Which attempt of which upload it is: a later attempt clears up after those before it. */
export interface Receipt {
  readonly id: string;
  readonly attempt: number;
}

const PREFIX = ".receiving-";

/** Where an upload is put together: beside the other models, so that it becomes one of them by a new name alone. */
export const receivingFolder = (modelsDir: string, { id, attempt }: Receipt): string =>
  join(modelsDir, `${PREFIX}${id}-${attempt}`);

/** Removes what uploads have left that nobody begins again: folders begun more than so long ago. */
export async function removeAbandoned({ modelsDir }: ModelLocations, ageMs: number, now = Date.now()): Promise<void> {
  const names = await readdir(modelsDir).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(PREFIX))) {
    const folder = join(modelsDir, name);
    const begun = await stat(folder).catch(() => undefined);
    if (begun && now - begun.mtimeMs > ageMs) await rm(folder, { recursive: true, force: true });
  }
}
