import { access, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { PGlite, type PGliteOptions, type Transaction } from "@electric-sql/pglite";
import { lockDataDir } from "./data-dir-lock.ts";
import { type Database, DatabaseUnavailableError, type Queryable, type Row } from "./database.ts";
import { type Sync, syncedFiles, syncedParameters, syncPath } from "./pglite-files.ts";
import { preparedStatements } from "./pglite-statements.ts";
import { asUnavailable } from "./unavailable.ts";

export interface PgliteOptions {
  /** Created when missing; without it everything is in memory. */
  readonly dataDir?: string;
  /** Makes what was written durable; for tests. Default: fsync. */
  readonly sync?: Sync;
}

/** Emscripten's number for ENOSPC. */
const NO_SPACE = 51;

/** The log of changes may grow so long before a checkpoint. */
const LOG_BYTES = 64e6;

/**
 * Opens the embedded database. Its folder is locked against other processes for as long as it is open: PGlite itself does
 * not, and two writers lose rows.
 */
export async function openPglite({ dataDir, sync }: PgliteOptions = {}): Promise<Database> {
  const unlock = dataDir === undefined ? async () => {} : await lockDataDir(dataDir);
  let lite: PGlite;
  try {
    lite = dataDir === undefined ? await PGlite.create(await fromTemplate()) : await openFolder(dataDir, sync);
  } catch (error) {
    await unlock();
    // Its file layer throws things that are no errors, such as `{errno: 51}` on a full disk.
    if (error instanceof Error) throw error;
    const { errno } = error as { readonly errno?: number };
    const why = errno === NO_SPACE ? "there is no space left on its disk" : JSON.stringify(error);
    throw new Error(`${dataDir} cannot be opened as a database: ${why}`, { cause: error });
  }

  const run = preparedStatements(lite);
  // One at a time: PGlite keeps single statements out of transactions only where it sends them itself.
  let turn: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(() => {
      if (!lite.ready) throw new DatabaseUnavailableError("the database is closed");
      return told(work());
    });
    turn = done.catch(() => {});
    return done;
  };

  return {
    kind: "pglite",
    query: (sql, parameters = []) => alone(() => run(sql, parameters)),
    async script(sql) {
      await alone(() => lite.exec(sql));
    },
    transaction: (work) => alone(() => lite.transaction((tx) => work(within(tx)))),
    listen: (channel, onMessage) => lite.listen(channel, onMessage),
    async vacuum() {
      await alone(() => lite.exec("vacuum"));
    },
    // Alone in its process, PostgreSQL never does this by itself.
    async trimLog() {
      const [log] = await alone(() =>
        run<{ bytes: number }>("select sum(size)::float8 as bytes from pg_ls_waldir()", []),
      );
      if (log!.bytes > LOG_BYTES) await alone(() => lite.exec("checkpoint"));
    },
    async close() {
      await alone(() => lite.close());
      await unlock();
    },
  };
}

const fromTemplate = async (): Promise<PGliteOptions> => {
  const template = await pgliteTemplate();
  return template ? { loadDataDir: template } : {};
};

/** A folder that is being filled for the first time is marked as unfinished: were the process killed, it is begun anew. */
async function openFolder(dataDir: string, sync?: Sync): Promise<PGlite> {
  const mark = `${resolve(dataDir)}.unfinished`;
  const isUnfinished = await access(mark).then(
    () => true,
    () => false,
  );
  const create = async (isNew: boolean): Promise<PGlite> => {
    const files = syncedFiles(dataDir, isNew, sync);
    const startParams = syncedParameters(PGlite.defaultStartParams);
    const lite = await PGlite.create({ ...(isNew && (await fromTemplate())), fs: files.layer, startParams });
    await files.begin();
    return lite;
  };
  if (isUnfinished) await rm(dataDir, { recursive: true, force: true });
  else if ((await readdir(dataDir)).length > 0) return create(false);
  await writeFile(mark, "", { flush: true });
  const lite = await create(true);
  await rm(mark);
  // Were the mark there again after a power cut, the next start would throw the database away.
  await syncPath(dirname(mark));
  return lite;
}

/** Inside a transaction statements go PGlite's own way. */
const within = (tx: Transaction): Queryable => ({
  query: async <R = Row>(sql: string, parameters: readonly unknown[] = []) =>
    (await tx.query<R>(sql, [...parameters])).rows,
});

/** A full disk is an outage here too. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/**
 * An empty embedded database as a tar file, so that none has to be made when a server starts for the first time (8 s).
 * Undefined when the package has none for the version of PGlite installed: files of another version are never used.
 */
export async function pgliteTemplate(): Promise<Blob | undefined> {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const { version } = JSON.parse(await readFile(join(entry, "../../package.json"), "utf8")) as { version: string };
  // From src/database and from dist/database alike.
  const path = new URL(`../../../assets/pglite-${version}.tar.zst`, import.meta.url);
  const packed = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return packed && new Blob([await promisify(zstdDecompress)(packed)]);
}
