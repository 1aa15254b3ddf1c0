import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/**
 * Starts server processes on a data folder that a test's servers share, one after the other or at once; after the test they are
 * killed and the folder is removed. To be called at the top of a test file.
 */
export function serversPerTest(): {
  /** The data folder of the test that runs. */
  dataFolder(): string;
  start(env?: Readonly<Record<string, string>>): Promise<ServerProcess>;
} {
  let folder: string;
  const started: ServerProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-servers-"));
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    dataFolder: () => folder,
    async start(env) {
      const server = await startServerProcess(folder, env);
      started.push(server);
      return server;
    },
  };
}
