import type { Command } from "commander";
import { dataDirectory } from "../models/index.ts";
import type { KnownKey } from "../server/index.ts";
import { UsageError } from "./exit.ts";
import { print, type Terminal, tell } from "./terminal.ts";

/** `inkstone keys create|list|revoke`: the API keys of a data folder. A running server heeds changes at once. */
export function addKeys(command: Command, terminal: Terminal): void {
  const file = async ({ dataDir }: { dataDir?: string }) => {
    const { openKeyFile } = await import("../server/index.ts"); // not above: it brings the whole server along
    return openKeyFile(dataDirectory(terminal.env, dataDir));
  };
  const folder = ["--data-dir <folder>", "the server's data folder [INKSTONE_DATA_DIR]"] as const;
  command
    .command("create")
    .description("Make a key and print it. It is not shown again.")
    .argument("[name]", "what it is for", "unnamed")
    .option(...folder)
    .action(async (name: string, options: { dataDir?: string }) => {
      const { key, known } = await (await file(options)).create(name);
      tell(terminal, `key ${known.id} for ${name}; it is not shown again`);
      print(terminal, key);
    });
  command
    .command("list")
    .description("List keys: id, beginning, date, name.")
    .option(...folder)
    .action(async (options: { dataDir?: string }) => {
      for (const key of await (await file(options)).list()) print(terminal, line(key));
    });
  command
    .command("revoke")
    .description("Forget a key. What it began goes on.")
    .argument("<id>", "its id, or its beginning as the list shows it")
    .option(...folder)
    .action(async (id: string, options: { dataDir?: string }) => {
      if (!(await (await file(options)).revoke(id)))
        throw new UsageError(`<id> is "${id}"; no key has that id or beginning`);
      tell(terminal, `revoked ${id}`);
    });
}

const line = ({ id, hint, createdAt, name }: KnownKey): string => [id, `${hint}…`, createdAt, name].join("  ");
