import { z } from "zod";
import { field, text, webAddress } from "../fields/index.ts";
import { choice, count, line, secretSetting, setting } from "./setting.ts";

/** The address of a PostgreSQL server. It may contain a secret. */
const postgresAddress = (about: string) =>
  field(z.string().regex(/^postgres(ql)?:\/\//), {
    type: "string",
    rule: "a URL that begins with postgres:// or postgresql://",
    about,
    secret: true,
  });

/** A bucket and an optional prefix in it. */
const bucketAddress = (about: string) =>
  field(z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w!.*'()/-]*)?$/), {
    type: "string",
    rule: "s3://BUCKET or s3://BUCKET/PREFIX",
    about,
  });

/** Settings of storage: the place and retention of tasks, images and models. */
export const KEEPING = {
  dataDir: setting(
    "INKSTONE_DATA_DIR",
    "DIR",
    text(
      "Folder for the database, images, models and keys. Default: `inkstone` in the data folder of the user.",
      line,
    ).optional(),
  ),
  databaseUrl: secretSetting(
    "INKSTONE_DATABASE_URL",
    "postgres://…",
    postgresAddress("PostgreSQL to use instead of the embedded database in the data folder.").optional(),
  ),
  databaseListenUrl: secretSetting(
    "INKSTONE_DATABASE_LISTEN_URL",
    "postgres://…",
    postgresAddress(
      "Direct address of the same PostgreSQL, for the connection that listens. Needed if the other address is PgBouncer in transaction mode.",
    ).optional(),
  ),
  databaseConnections: count(
    "INKSTONE_DATABASE_CONNECTIONS",
    0,
    0,
    1000,
    "Connections to PostgreSQL for statements; one more listens. 0: 8, and 2 for a worker alone.",
  ),
  databaseWait: count(
    "INKSTONE_DATABASE_WAIT",
    60,
    0,
    3600,
    "Seconds to wait for an unreachable PostgreSQL at the start.",
  ),
  storage: setting(
    "INKSTONE_STORAGE",
    "s3://BUCKET/PREFIX",
    bucketAddress("Bucket for images. Default: `images` in the data folder.").optional(),
  ),
  s3Endpoint: setting(
    "INKSTONE_S3_ENDPOINT",
    "URL",
    webAddress("Address of an S3 server other than Amazon's.").optional(),
  ),
  s3Region: setting(
    "INKSTONE_S3_REGION",
    "NAME",
    text("Region of the bucket. Default: `AWS_REGION`, else `us-east-1`.", line).optional(),
  ),
  s3PathStyle: choice(
    "INKSTONE_S3_PATH_STYLE",
    ["auto", "true", "false"],
    "auto",
    "`true`: `endpoint/bucket/key`; `false`: `bucket.endpoint/key`; `auto`: `true` where an endpoint is set.",
  ),
  imageDelivery: choice(
    "INKSTONE_IMAGE_DELIVERY",
    ["proxy", "redirect"],
    "proxy",
    "Delivery of images from a bucket. `proxy` sends them through this server. `redirect` sends clients to a presigned address, valid for 15 minutes.",
  ),
  imageUrl: setting(
    "INKSTONE_IMAGE_URL",
    "URL",
    webAddress("Public address of the bucket and prefix, for example of a CDN. Image URLs begin with it.")
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
  ),
  modelsDir: setting(
    "INKSTONE_MODELS_DIR",
    "DIR",
    text("Folder of installed models. Default: `models` in the data folder.", line).optional(),
  ),
  modelsStore: setting(
    "INKSTONE_MODELS_STORE",
    "s3://BUCKET/PREFIX",
    bucketAddress(
      "Bucket of models for many machines, filled by `inkstone models share`. A worker downloads weights to its models folder when a task needs them.",
    ).optional(),
  ),
  modelsCacheGB: count(
    "INKSTONE_MODELS_CACHE_GB",
    0,
    0,
    100_000,
    "Gigabytes (10⁹ bytes) of downloaded weights in the models folder. The least recently used go first. 0: no limit.",
  ),
  maxModelMB: count(
    "INKSTONE_MAX_MODEL_MB",
    4096,
    0,
    1_000_000,
    "Megabytes (10⁶ bytes) of a model that `modelUpload` downloads. 0: no uploads.",
  ),
  minFreeMB: count(
    "INKSTONE_MIN_FREE_MB",
    64,
    0,
    1_000_000,
    "Megabytes to keep free on the disks of database and images. Below that, the server refuses new tasks and images with 503.",
  ),
  keyStorageMB: count(
    "INKSTONE_KEY_STORAGE_MB",
    0,
    0,
    100_000_000,
    "Megabytes of stored images per key. Beyond that, new tasks and images of the key get 429. 0: no limit.",
  ),
  resultRetention: count("INKSTONE_RESULT_RETENTION", 24, 1, 8760, "Hours to keep finished tasks for `getResponse`."),
  imageRetention: count("INKSTONE_IMAGE_RETENTION", 168, 1, 87_600, "Hours to keep images without `ttl`."),
} as const;
