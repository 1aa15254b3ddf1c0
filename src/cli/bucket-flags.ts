import type { Command } from "commander";
import { type Config, ConfigError, readConfig } from "../settings/index.ts";
import { UsageError } from "./exit.ts";

/** Location of S3 buckets, as in the settings of the server. */
export interface BucketFlags {
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3PathStyle?: string;
}

export const withBucketFlags = (command: Command): Command =>
  command
    .option("--s3-endpoint <url>", "address of an S3 server other than Amazon's [INKSTONE_S3_ENDPOINT]")
    .option("--s3-region <name>", "region of the bucket [INKSTONE_S3_REGION]")
    .option("--s3-path-style <style>", "auto, true or false [INKSTONE_S3_PATH_STYLE]");

/**
 * The settings, overridden by flags.
 * @throws UsageError with the name of the invalid setting
 */
export function bucketSettings(flags: BucketFlags & { readonly modelsStore?: string }, env: NodeJS.ProcessEnv): Config {
  try {
    const { s3Endpoint, s3Region, s3PathStyle, modelsStore } = flags;
    return readConfig({ s3Endpoint, s3Region, s3PathStyle, modelsStore }, env);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}
