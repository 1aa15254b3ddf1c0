import { resolve } from "node:path";
import type { Command } from "commander";
import { dataDirectory } from "../models/index.ts";
import { requireOwner } from "./data-owner.ts";
import { UsageError } from "./exit.ts";
import { BUCKET, settingsFrom, withSettings } from "./setting-flags.ts";
import { print, type Terminal, tell } from "./terminal.ts";

interface CopyFlags {
  readonly from?: string;
  readonly to: string;
  readonly dataDir?: string;
}

/** `inkstone storage copy`: copies the images of a server from its folder into a bucket, or back. */
export function addStorage(command: Command, terminal: Terminal): void {
  const copying = command
    .command("copy")
    .description("Copy images that the destination lacks. Run it again to copy newer images. Nothing is deleted.")
    .requiredOption("--to <place>", "Destination: s3://BUCKET/PREFIX, or the folder `images` of a data folder.")
    .option(
      "--from <place>",
      "Source (default: the storage of the settings, else the folder `images` of the data folder).",
    );
  withSettings(copying, "dataDir", ...BUCKET).action((flags: CopyFlags) => copy(terminal, flags));
}

async function copy(terminal: Terminal, { from, to, ...flags }: CopyFlags): Promise<void> {
  const settings = settingsFrom({ ...flags }, ["dataDir", ...BUCKET], terminal.env);
  const [source, target] = [
    from ?? settings.storage ?? `${dataDirectory(terminal.env, settings.dataDir)}/images`,
    to,
  ].map((place) => (place.startsWith("s3://") ? place : resolve(terminal.cwd, place))) as [string, string];
  if (source === target)
    throw new UsageError(`--to is ${JSON.stringify(to)}, which is also the source; choose another place`);
  if (!target.startsWith("s3://")) requireOwner(target);
  const { openStorageAt, copyFiles } = await import("../server/index.ts"); // Not above: it loads the whole server.
  let told = 0;
  const done = await copyFiles(
    await openStorageAt(source, settings),
    await openStorageAt(target, settings),
    (progress) => {
      const files = progress.copied + progress.present;
      if (files < told + 1000) return;
      told = files;
      tell(terminal, `${files} images, ${megabytes(progress.copiedBytes)} copied`);
    },
  );
  const { copied, copiedBytes, present } = done;
  print(
    terminal,
    `${copied} images copied (${megabytes(copiedBytes)}), ${present} already present: ${source} to ${target}`,
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
