/** Servers on one database must have one store of images: an image that another server has stored would be missing here. */

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Queryable } from "../database/index.ts";

/** The folder of images is not the one that the database's images lie in. */
export class ForeignFolderError extends Error {
  override readonly name = "ForeignFolderError";
}

/** In the folder of images; holds what the database says that the folder is called. */
const MARK = ".images-of";

/**
 * Marks a folder of images as the database's own, the first time.
 * @throws ForeignFolderError when the database's images lie in another folder
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
  // The mark first: were the process killed in between, the next start finds it.
  if (here === undefined) await writeFile(mark, `${id}\n`);
  await db.query("insert into belongings (name, id) values ('images', $1) on conflict do nothing", [id]);
  const [row] = await db.query<{ id: string }>("select id from belongings where name = 'images'");
  if (row!.id === id) return;
  if (here === undefined) await rm(mark, { force: true });
  throw new ForeignFolderError(
    `the images of this database lie in another folder than ${folder}: all servers on a database need one folder, or a bucket ` +
      `(INKSTONE_STORAGE). If this is that folder, moved or restored, write ${row!.id} into ${mark}`,
  );
}
