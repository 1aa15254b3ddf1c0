/**
 * Proof that all servers on a database share one store of images. With separate stores, a server would lack the images
 * of another one.
 */

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Queryable } from "../database/index.ts";

/** The folder of images does not belong to the database. */
export class ForeignFolderError extends Error {
  override readonly name = "ForeignFolderError";
}

/** A file in the folder of images. It contains the id that the database has for the folder. */
const MARK = ".images-of";

/**
 * Marks a folder of images as the folder of the database, at the first start.
 * @throws ForeignFolderError if the images of the database are in another folder
 */
export async function claimFolder(db: Queryable, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const mark = join(folder, MARK);
  const here = await readFile(mark, "utf8").then(
    (text) => text.trim(),
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return undefined;
    },
  );
  const id = here ?? randomUUID();
  // The mark comes first. If the process is killed in between, the next start finds it.
  if (here === undefined) await writeFile(mark, `${id}\n`);
  await db.query("insert into belongings (name, id) values ('images', $1) on conflict do nothing", [id]);
  const [row] = await db.query<{ id: string }>("select id from belongings where name = 'images'");
  if (row!.id === id) return;
  if (here === undefined) await rm(mark, { force: true });
  throw new ForeignFolderError(
    `${folder} is not the image folder of this database: all servers on a database need one folder, or a bucket ` +
      `(INKSTONE_STORAGE). If this is that folder, moved or restored, write ${row!.id} into ${mark}`,
  );
}
