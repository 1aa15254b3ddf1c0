/** Files without an image in the database: a process was killed between storing a file and recording it. */

import type { Queryable } from "../database/index.ts";
import type { FileStore } from "./files.ts";
import { thumbnailNames } from "./thumbnails.ts";

/**
 * Milliseconds before a file counts as an orphan. Younger files may still be recorded, even by a worker that waits for
 * the database.
 */
const YOUNGEST_MS = 24 * 3600 * 1000;

/** Names per query. */
const PAGE = 500;

/**
 * Deletes files that are a day old and belong to no image of the database. Returns their number. If the database knows
 * none of the files, nothing is deleted, because it is another database.
 */
export async function sweepOrphans(db: Queryable, files: FileStore, now: () => number = Date.now): Promise<number> {
  const unknown = new Set<string>();
  let known = 0;
  let page: string[] = [];
  const lookUp = async () => {
    const rows = await db.query<{ file_name: string }>(
      "select file_name from images where file_name = any($1::text[]) and deleted_at is null",
      [page],
    );
    known += rows.length;
    const found = new Set(rows.map((row) => row.file_name));
    for (const name of page) if (!found.has(name)) unknown.add(name);
    page = [];
  };
  for await (const { name, changedAt } of files.list()) {
    if (now() - changedAt.getTime() < YOUNGEST_MS) continue;
    page.push(name);
    if (page.length === PAGE) await lookUp();
  }
  await lookUp();
  if (known === 0 || unknown.size === 0) return 0;
  for await (const imageUUID of liveImages(db)) for (const name of thumbnailNames(imageUUID)) unknown.delete(name);
  for (const name of unknown) await files.delete(name);
  return unknown.size;
}

async function* liveImages(db: Queryable): AsyncGenerator<string> {
  for (let last = ""; ; ) {
    const rows = await db.query<{ image_uuid: string }>(
      "select image_uuid from images where image_uuid > $1 and deleted_at is null order by image_uuid limit $2::int",
      [last, PAGE],
    );
    for (const { image_uuid } of rows) yield image_uuid;
    if (rows.length < PAGE) return;
    last = rows.at(-1)!.image_uuid;
  }
}
