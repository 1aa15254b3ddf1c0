import { resolve } from "node:path";
import { Command } from "commander";
import { dataDirectory } from "../models/index.ts";
import { ConfigError, readConfig } from "../settings/index.ts";
import { UsageError } from "./exit.ts";
import { print, type Terminal, tell } from "./terminal.ts";

interface CopyFlags {
  readonly from?: string;
  readonly to: string;
  readonly dataDir?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3PathStyle?: string;
}

/** `inkstone storage copy`: the images of a server, from its folder into a bucket or back. */
export function storageCommand(terminal: Terminal): Command {
  const storage = new Command("storage").description("Where a server keeps its images.");
  storage
    .command("copy")
    .description("Copy images that the other place lacks. A second run copies what has come since; nothing is deleted.")
    .requiredOption("--to <place>", "s3://BUCKET/PREFIX, or the folder `images` of a data folder")
    .option(
      "--from <place>",
      "the same (default: the storage of the settings, else the folder `images` of the data folder)",
    )
    .option("--data-dir <folder>", "the server's data folder [INKSTONE_DATA_DIR]")
    .option("--s3-endpoint <url>", "address of an S3 server other than Amazon's [INKSTONE_S3_ENDPOINT]")
    .option("--s3-region <name>", "region of the bucket [INKSTONE_S3_REGION]")
    .option("--s3-path-style <style>", "auto, true or false [INKSTONE_S3_PATH_STYLE]")
    .action((flags: CopyFlags) => copy(terminal, flags));
  return storage;
}

async function copy(terminal: Terminal, { from, to, ...flags }: CopyFlags): Promise<void> {
  const settings = read({ ...flags }, terminal.env);
  const [source, target] = [from ?? settings.storage ?? `${dataDirectory(terminal.env, flags.dataDir)}/images`, to].map(
    (place) => (place.startsWith("s3://") ? place : resolve(terminal.cwd, place)),
  ) as [string, string];
  if (source === target) throw new UsageError(`--to is ${JSON.stringify(to)}, which is where the images are`);
  const { openStorageAt, copyFiles } = await import("../server/index.ts"); // not above: it brings the whole server along
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
    `${copied} images copied (${megabytes(copiedBytes)}), ${present} were there already: ${source} to ${target}`,
  );
}

function read(flags: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv) {
  try {
    return readConfig(flags, env);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
