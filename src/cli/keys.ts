import type { Command } from "commander";
import { dataDirectory } from "../models/index.ts";
import type { KnownKey, openKeys } from "../server/index.ts";
import { readConfig } from "../settings/index.ts";
import { UsageError } from "./exit.ts";
import { print, type Terminal, tell } from "./terminal.ts";

/**
 * `inkstone keys create|list|revoke`: the API keys of a data folder, or with INKSTONE_DATABASE_URL those of all servers on that database.
 * Running servers heed changes within seconds.
 */
export function addKeys(command: Command, terminal: Terminal): void {
  const withKeys = async <T>({ dataDir }: { dataDir?: string }, work: (keys: Keys) => Promise<T>): Promise<T> => {
    const { openKeys } = await import("../server/index.ts"); // not above: it brings the whole server along
    const { databaseUrl } = readConfig({}, terminal.env);
    const { keys, close } = await openKeys(dataDirectory(terminal.env, dataDir), databaseUrl);
    return work(keys).finally(close);
  };
  const folder = ["--data-dir <folder>", "the server's data folder [INKSTONE_DATA_DIR]"] as const;
  command
    .command("create")
    .description("Make a key and print it. It is not shown again.")
    .argument("[name]", "what it is for", "unnamed")
    .option(...folder)
    .action(async (name: string, options: { dataDir?: string }) => {
      const { key, known } = await withKeys(options, (keys) => keys.create(name));
      tell(terminal, `key ${known.id} for ${name}; it is not shown again`);
      print(terminal, key);
    });
  command
    .command("list")
    .description("List keys: id, beginning, date, name.")
    .option(...folder)
    .action(async (options: { dataDir?: string }) => {
      for (const key of await withKeys(options, (keys) => keys.list())) print(terminal, line(key));
    });
  command
    .command("revoke")
    .description("Forget a key. What it began goes on.")
    .argument("<id>", "its id, or its beginning as the list shows it")
    .option(...folder)
    .action(async (id: string, options: { dataDir?: string }) => {
      if (!(await withKeys(options, (keys) => keys.revoke(id))))
        throw new UsageError(`<id> is "${id}"; no key has that id or beginning`);
      tell(terminal, `revoked ${id}`);
    });
}

type Keys = Awaited<ReturnType<typeof openKeys>>["keys"];

const line = ({ id, hint, createdAt, name }: KnownKey): string => [id, `${hint}…`, createdAt, name].join("  ");
