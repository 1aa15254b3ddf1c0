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
  /** Created if it does not exist. Without it, everything is in memory. */
  readonly dataDir?: string;
  /**
   * Makes writes durable, for tests. Default: fsync. It is a `Sync`, written out: a user's program would otherwise read
   * PGlite's declarations, which fail without `skipLibCheck`.
   */
  readonly sync?: (descriptor: number, path: string) => void;
}

/** Emscripten's number for ENOSPC. */
const NO_SPACE = 51;

/** Bytes of write-ahead log before a checkpoint. */
const LOG_BYTES = 64e6;

/**
 * Opens the embedded database and locks its folder against other processes. PGlite itself does not lock it, and two
 * writers lose rows.
 */
export async function openPglite({ dataDir, sync }: PgliteOptions = {}): Promise<Database> {
  const unlock = dataDir === undefined ? async () => {} : await lockDataDir(dataDir);
  let lite: PGlite;
  try {
    lite = dataDir === undefined ? await PGlite.create(await fromTemplate()) : await openFolder(dataDir, sync);
  } catch (error) {
    await unlock();
    // PGlite's file layer throws values that are not errors, such as `{errno: 51}` on a full disk.
    if (error instanceof Error) throw error;
    const { errno } = error as { readonly errno?: number };
    const why = errno === NO_SPACE ? "the disk is full" : JSON.stringify(error);
    throw new Error(`${dataDir} cannot be opened as a database: ${why}`, { cause: error });
  }

  const run = preparedStatements(lite);
  // One at a time: PGlite keeps single statements out of transactions only for statements that it sends itself.
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
    // Without other processes, PostgreSQL never does this automatically.
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

/**
 * Opens a folder. A new folder is marked as unfinished. If the process is killed meanwhile, the next start creates it
 * from scratch.
 */
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
  // If the mark returned after a power cut, the next start would delete the database.
  await syncPath(dirname(mark));
  return lite;
}

/** Inside a transaction, PGlite runs the statements. */
const within = (tx: Transaction): Queryable => ({
  query: async <R = Row>(sql: string, parameters: readonly unknown[] = []) =>
    (await tx.query<R>(sql, [...parameters])).rows,
});

/** Reports a full disk as an outage. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/**
 * An empty embedded database as a tar file, so that the first start of a server does not need to create one (8 s).
 * Undefined if the package has none for the installed version of PGlite: files of another version are never used.
 */
export async function pgliteTemplate(): Promise<Blob | undefined> {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const { version } = JSON.parse(await readFile(join(entry, "../../package.json"), "utf8")) as { version: string };
  // The path is the same from src/ and from dist/.
  const path = new URL(`../../../assets/pglite-${version}.tar.zst`, import.meta.url);
  const packed = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return packed && new Blob([await promisify(zstdDecompress)(packed)]);
}
