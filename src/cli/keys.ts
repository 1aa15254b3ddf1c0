import { type Command, Option } from "commander";
import type { z } from "zod";
import { describeField, valueFromText } from "../fields/index.ts";
import { dataDirectory } from "../models/index.ts";
import type { KeyLimits, KnownKey, openKeys } from "../server/index.ts";
import { readConfig, SETTINGS, type Setting } from "../settings/index.ts";
import { requireOwner } from "./data-owner.ts";
import { UsageError } from "./exit.ts";
import { settingFlag } from "./setting-flags.ts";
import { print, type Terminal, tell } from "./terminal.ts";

/**
 * `inkstone keys create|list|limit|revoke`: the API keys of a data folder, or with INKSTONE_DATABASE_URL those of all
 * servers on that database. Running servers apply changes within seconds.
 */
export function addKeys(command: Command, terminal: Terminal): void {
  const withKeys = async <T>({ dataDir }: { dataDir?: string }, work: (keys: Keys) => Promise<T>): Promise<T> => {
    const { openKeys } = await import("../server/index.ts"); // Not above: it loads the whole server.
    const { databaseUrl } = readConfig({}, terminal.env);
    const folder = dataDirectory(terminal.env, dataDir);
    if (databaseUrl === undefined) requireOwner(folder);
    const { keys, close } = await openKeys(folder, databaseUrl);
    return work(keys).finally(close);
  };
  command
    .command("create")
    .description("Create a key and print it. The key is not shown again.")
    .argument("[name]", "Name of the key.", "unnamed")
    .addOption(MAX_WAITING)
    .addOption(MAX_STORED_MB)
    .addOption(settingFlag("dataDir"))
    .action(async (name: string, options: LimitFlags) => {
      const limits = limitsOf(options);
      const { key, known } = await withKeys(options, (keys) => keys.create(name, limits));
      tell(terminal, `key ${known.id} for ${name}; the key is not shown again`);
      print(terminal, key);
    });
  command
    .command("list")
    .description("List keys: id, beginning, date, name, and limits that were set for the key.")
    .addOption(settingFlag("dataDir"))
    .action(async (options: { dataDir?: string }) => {
      for (const key of await withKeys(options, (keys) => keys.list())) print(terminal, line(key));
    });
  command
    .command("limit")
    .description(
      "Change the limits of a key, on all servers within seconds. `default` means the limit of the server's settings.",
    )
    .argument("<id>", ID)
    .addOption(MAX_WAITING)
    .addOption(MAX_STORED_MB)
    .addOption(settingFlag("dataDir"))
    .action(async (id: string, options: LimitFlags) => {
      const limits = limitsOf(options);
      if (Object.keys(limits).length === 0)
        throw new UsageError("no limit is given; use --max-waiting or --max-stored-mb");
      if (!(await withKeys(options, (keys) => keys.limit(id, limits)))) throw unknownKey(id);
      tell(terminal, `changed ${id}`);
    });
  command
    .command("revoke")
    .description("Revoke a key. Its tasks continue.")
    .argument("<id>", ID)
    .addOption(settingFlag("dataDir"))
    .action(async (id: string, options: { dataDir?: string }) => {
      if (!(await withKeys(options, (keys) => keys.revoke(id)))) throw unknownKey(id);
      tell(terminal, `revoked ${id}`);
    });
}

type Keys = Awaited<ReturnType<typeof openKeys>>["keys"];

type LimitFlags = { readonly dataDir?: string; readonly maxWaiting?: string; readonly maxStoredMb?: string };

const ID = "Id of the key, or its beginning as in the list.";
const MAX_WAITING = new Option(
  "--max-waiting <n>",
  "Waiting tasks that the key may have (default: INKSTONE_QUEUE_SHARE of all).",
);
const MAX_STORED_MB = new Option(
  "--max-stored-mb <n>",
  "Megabytes of images that the key may store. 0: no limit (default: INKSTONE_KEY_STORAGE_MB).",
);

/**
 * The given limits; undefined for `default`. A key may get as much as the settings allow for all keys.
 *
 * @throws UsageError
 */
function limitsOf({ maxWaiting, maxStoredMb }: LimitFlags): KeyLimits {
  return {
    ...(maxWaiting !== undefined && { maxWaiting: limit(MAX_WAITING, maxWaiting, SETTINGS.maxQueue) }),
    ...(maxStoredMb !== undefined && { maxStoredMB: limit(MAX_STORED_MB, maxStoredMb, SETTINGS.keyStorageMB) }),
  };
}

function limit({ long }: Option, given: string, { field }: Setting<z.ZodType<number>>): number | undefined {
  if (given === "default") return undefined;
  const facts = describeField(field);
  const read = field.safeParse(valueFromText(facts, given));
  if (read.success) return read.data;
  throw new UsageError(`${long} is "${given}"; it must be ${facts.rule}, or default`);
}

const unknownKey = (id: string): UsageError => new UsageError(`<id> is "${id}"; no key has that id or beginning`);

const line = ({ id, hint, createdAt, name, maxWaiting, maxStoredMB }: KnownKey): string =>
  [
    id,
    `${hint}…`,
    createdAt,
    name,
    ...(maxWaiting === undefined ? [] : [`max-waiting ${maxWaiting}`]),
    ...(maxStoredMB === undefined ? [] : [`max-stored-mb ${maxStoredMB}`]),
  ].join("  ");
