/** The real server in a process of its own, and what an attack costs it. Figures are of that process, so a busy machine does not change them. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import { TEST_DATABASES } from "../support/databases.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

/** A key of every victim. `post` of the server process uses it. */
export const KEY = "any";
/** Another one. */
export const OTHER_KEY = "other-key";

export interface Victim extends ServerProcess {
  readonly folder: string;
  readonly base: string;
  /** Of PostgreSQL; absent with the embedded database. */
  readonly databaseUrl: string | undefined;
  /**
   * Processor time of the thread that answers, in milliseconds since the last call. For no longer than this can it have been
   * silent to others.
   */
  busyMs(): Promise<number>;
  /** Processor time of all its other threads, in milliseconds since the last call. */
  elsewhereMs(): Promise<number>;
  /** Memory of the process, in MB. */
  residentMB(): Promise<number>;
}

/** Starts one more victim. */
export type StartVictim = (env?: Readonly<Record<string, string>>) => Promise<Victim>;

/** Declares the same attacks for each database. Victims have two keys and the stand-in engine, and end after the last test. */
export function onEachDatabase(title: string, declare: (start: StartVictim) => void): void {
  for (const database of TEST_DATABASES) {
    const skipped = database.skip ? ` (${database.skip})` : "";
    describe.skipIf(database.skip)(`${title} on ${database.name}${skipped}`, () => {
      const ends: (() => Promise<void>)[] = [];
      afterAll(async () => {
        for (const end of ends.splice(0)) await end();
      });
      declare(async (env = {}) => {
        if (database.name === "pglite") return startVictim(env, ends);
        const { url, drop } = await database.open();
        const victim = await startVictim({ INKSTONE_DATABASE_URL: url!, ...env }, ends);
        ends.push(drop);
        return victim;
      });
    });
  }
}

async function startVictim(env: Readonly<Record<string, string>>, ends: (() => Promise<void>)[]): Promise<Victim> {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-attack-"));
  const server = await startServerProcess(folder, { INKSTONE_API_KEYS: `${KEY},${OTHER_KEY}`, ...env });
  ends.push(async () => {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  const base = await server.ready;
  const { pid } = server.child;
  const main = () => processorMs(`/proc/${pid}/task/${pid}/stat`);
  const busyMs = sinceLastCall(main);
  const elsewhereMs = sinceLastCall(async () => (await processorMs(`/proc/${pid}/stat`)) - (await main()));
  const residentMB = async () => (Number((await readFile(`/proc/${pid}/statm`, "utf8")).split(" ")[1]) * 4096) / 1e6;
  await busyMs();
  return { ...server, folder, base, databaseUrl: env.INKSTONE_DATABASE_URL, busyMs, elsewhereMs, residentMB };
}

/** Processor time so far, of a process or thread, in milliseconds. */
async function processorMs(path: string): Promise<number> {
  const stat = await readFile(path, "utf8");
  // Fields 14 and 15 are user and system time in hundredths of a second; the second one may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function sinceLastCall(read: () => Promise<number>): () => Promise<number> {
  let last = 0;
  return async () => {
    const now = await read();
    const spent = now - last;
    last = now;
    return spent;
  };
}

/** Posts a body. */
export async function post(base: string, body: string | Uint8Array, key: string | undefined = KEY) {
  const headers = { "content-type": "application/json", ...(key !== "" && { authorization: `Bearer ${key}` }) };
  const response = await fetch(`${base}/v1`, { method: "POST", headers, body: body as string });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

/** A valid task with changes. */
export const aTask = (changes: object = {}) => ({
  taskType: "imageInference",
  taskUUID: crypto.randomUUID(),
  model: "runware:108@1",
  positivePrompt: "a cat",
  width: 128,
  height: 128,
  steps: 1,
  ...changes,
});
