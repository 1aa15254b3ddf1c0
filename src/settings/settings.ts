/** Settings of the server: one table gives the flags, the environment variables, the checks and the reference page. */

import { z } from "zod";
import { DEFAULT_SAFETY_RULE, SAFETY_CLASSES, SAFETY_POLICIES } from "../drawing/index.ts";
import {
  describeField,
  field,
  flag,
  float,
  integer,
  oneOf,
  secret,
  someOf,
  text,
  webAddress,
  words,
} from "../fields/index.ts";

/** One setting: a field, by environment variable and, unless it is a secret, by flag. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  readonly env: string;
  /** The long flag without dashes; absent for secrets, which do not belong on a command line. */
  readonly flag: string | undefined;
  /** What a value looks like, for help texts. */
  readonly shape: string;
  readonly field: Schema;
}

const setting = <Schema extends z.ZodType>(env: string, shape: string, schema: Schema): Setting<Schema> => ({
  env,
  flag: env.replace("INKSTONE_", "").toLowerCase().replaceAll("_", "-"),
  shape,
  field: schema,
});

const secretSetting = <Schema extends z.ZodType>(env: string, shape: string, schema: Schema): Setting<Schema> => ({
  ...setting(env, shape, schema),
  flag: undefined,
});

const count = (env: string, fallback: number, min: number, max: number, about: string) =>
  setting(env, "N", integer(about, { min, max }).default(fallback));

const truth = (env: string, fallback: boolean, about: string) =>
  setting(env, "true|false", flag(about).default(fallback));

const choice = <const Values extends readonly [string, ...string[]]>(
  env: string,
  values: Values,
  fallback: NoInfer<Values[number]>,
  about: string,
) => setting(env, values.join("|"), oneOf(about, values).default(fallback as never));

/** The address of a PostgreSQL. It may hold a password. */
const postgresAddress = (about: string) =>
  field(z.string().regex(/^postgres(ql)?:\/\//), {
    type: "string",
    rule: "a URL that begins with postgres:// or postgresql://",
    about,
    secret: true,
  });

/** A bucket and a prefix in it. */
const bucketAddress = (about: string) =>
  field(z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w!.*'()/-]*)?$/), {
    type: "string",
    rule: "s3://BUCKET or s3://BUCKET/PREFIX",
    about,
  });

const line = { min: 1, max: 4096 };
const MiB = 2 ** 20;

export const SETTINGS = {
  host: setting(
    "INKSTONE_HOST",
    "ADDRESS",
    text("Address to listen on. `0.0.0.0` listens on all.", line).default("127.0.0.1"),
  ),
  port: count("INKSTONE_PORT", 7437, 0, 65_535, "Port to listen on. 0 picks a free one."),
  dataDir: setting(
    "INKSTONE_DATA_DIR",
    "DIR",
    text(
      "Folder for the database, images, models and keys. Default: `inkstone` in the user's data folder, see below.",
      line,
    ).optional(),
  ),
  publicUrl: setting(
    "INKSTONE_PUBLIC_URL",
    "URL",
    webAddress(
      "Address under which clients reach the server; image URLs begin with it. Default: `http://` and the host that the request names (`Host`); in webhooks the address listened on.",
    )
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
  ),
  trustProxy: truth(
    "INKSTONE_TRUST_PROXY",
    false,
    "Whether `X-Forwarded-Proto` and `X-Forwarded-Host` say how clients reach the server, where no public address is set. Only behind a proxy that sets both: else callers choose how the image URLs in their replies begin. Callers through a proxy need a key, trusted or not.",
  ),
  databaseUrl: secretSetting(
    "INKSTONE_DATABASE_URL",
    "postgres://…",
    postgresAddress("PostgreSQL to use instead of the embedded database in the data folder.").optional(),
  ),
  databaseWait: count(
    "INKSTONE_DATABASE_WAIT",
    60,
    0,
    3600,
    "Seconds that a PostgreSQL which cannot be reached yet is waited for at the start.",
  ),
  storage: setting(
    "INKSTONE_STORAGE",
    "s3://BUCKET/PREFIX",
    bucketAddress("Bucket for images. Default: the folder `images` of the data folder.").optional(),
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
    "How `/images/…` serves images from a bucket: through this server, or by a redirect to a presigned address of 15 minutes.",
  ),
  imageUrl: setting(
    "INKSTONE_IMAGE_URL",
    "URL",
    webAddress(
      "Address under which clients reach the bucket and its prefix themselves, such as a CDN's; image URLs begin with it.",
    )
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
  ),
  apiKeys: secretSetting(
    "INKSTONE_API_KEYS",
    "KEY,KEY",
    words(
      "API keys that may call, beside those of `inkstone keys`. When there are none at all, only callers on this machine are answered, with any key.",
      10_000,
    ).default([]),
  ),
  modelsDir: setting(
    "INKSTONE_MODELS_DIR",
    "DIR",
    text("Folder of installed models. Default: `models` in the data folder.", line).optional(),
  ),
  maxQueue: count(
    "INKSTONE_MAX_QUEUE",
    1000,
    1,
    1_000_000,
    "Tasks that may wait. More are answered with `rateLimitExceeded` (429).",
  ),
  queueShare: setting(
    "INKSTONE_QUEUE_SHARE",
    "0…1",
    float("Share of the waiting tasks that one key may have; the rest is room for others.", { min: 0, max: 1 }).default(
      0.8,
    ),
  ),
  abandonAsync: count(
    "INKSTONE_ABANDON_ASYNC",
    0,
    0,
    86_400,
    "Seconds after which an async task is cancelled that nobody has asked for since, and that owes no webhook or upload. 0: never.",
  ),
  maxTasks: count("INKSTONE_MAX_TASKS", 100, 1, 10_000, "Tasks in one request."),
  maxBodyBytes: count(
    "INKSTONE_MAX_BODY_BYTES",
    64 * MiB,
    1024,
    1024 * MiB,
    "Bytes of a request body or WebSocket frame.",
  ),
  maxConnections: count("INKSTONE_MAX_CONNECTIONS", 1000, 1, 100_000, "Open connections, HTTP and WebSocket together."),
  maxImagePixels: count("INKSTONE_MAX_IMAGE_PIXELS", 50_000_000, 16_384, 500_000_000, "Pixels of an input image."),
  maxModelMB: count(
    "INKSTONE_MAX_MODEL_MB",
    4096,
    0,
    1_000_000,
    "Megabytes (10⁶ bytes) of a model that modelUpload fetches; 0 takes none.",
  ),
  requestTimeout: count("INKSTONE_REQUEST_TIMEOUT", 60, 1, 3600, "Seconds in which a request must have arrived."),
  syncTimeout: count(
    "INKSTONE_SYNC_TIMEOUT",
    290,
    1,
    86_400,
    "Seconds an HTTP request waits for a sync task. The task goes on after that. (Node's fetch gives up at 300.)",
  ),
  sendTimeout: count(
    "INKSTONE_SEND_TIMEOUT",
    60,
    1,
    3600,
    "Seconds in which a client must take a frame; slower ones are cut off.",
  ),
  idleTimeout: count("INKSTONE_IDLE_TIMEOUT", 120, 1, 86_400, "Seconds after which a silent WebSocket is closed."),
  sessionBuffer: count(
    "INKSTONE_SESSION_BUFFER",
    120,
    0,
    86_400,
    "Seconds for which results are held for a WebSocket that broke off.",
  ),
  cancelOnHangUp: truth(
    "INKSTONE_CANCEL_ON_HANG_UP",
    true,
    "Whether a sync task is cancelled when its client goes away.",
  ),
  resultRetention: count("INKSTONE_RESULT_RETENTION", 24, 1, 8760, "Hours for which finished tasks can be asked for."),
  imageRetention: count("INKSTONE_IMAGE_RETENTION", 168, 1, 87_600, "Hours for which images without `ttl` are kept."),
  webhookStyle: choice(
    "INKSTONE_WEBHOOK_STYLE",
    ["wrapped", "flat"],
    "wrapped",
    'Body of webhooks: `{"data":[item]}` or the bare item.',
  ),
  webhookSecret: secretSetting(
    "INKSTONE_WEBHOOK_SECRET",
    "whsec_…",
    secret("Key that signs webhooks (Standard Webhooks). Default: one made for this data folder.").optional(),
  ),
  allowedAddresses: setting(
    "INKSTONE_ALLOWED_ADDRESSES",
    "CIDR,HOST,…",
    words(
      "Private addresses that images, models, webhooks and uploads may use. By default only public ones.",
      10_000,
    ).default([]),
  ),
  shutdownGrace: count(
    "INKSTONE_SHUTDOWN_GRACE",
    30,
    0,
    3600,
    "Seconds that running tasks get to finish after SIGTERM.",
  ),
  stepTimeout: count(
    "INKSTONE_STEP_TIMEOUT",
    600,
    1,
    86_400,
    "Seconds without progress after which the engine is restarted.",
  ),
  threads: count("INKSTONE_THREADS", 0, 0, 1024, "Processor threads that draw. 0: one per core."),
  device: setting(
    "INKSTONE_DEVICE",
    "NAME",
    field(z.string().regex(/^(auto|cpu|webgpu|cuda(:\d{1,2})?)$/), {
      type: "string",
      rule: "`auto`, `cpu`, `webgpu`, `cuda` or `cuda:N`",
      about: "Where images are drawn. `auto` takes a GPU that passes its tests and is faster than the processor.",
    }).default("cpu"),
  ),
  maxAttempts: count(
    "INKSTONE_MAX_ATTEMPTS",
    3,
    1,
    20,
    "Times a task is started before it fails, when the engine is lost.",
  ),
  safetyPolicy: choice(
    "INKSTONE_SAFETY_POLICY",
    SAFETY_POLICIES,
    "deliver",
    "What becomes of pictures that the safety check flags: delivered and marked, a grey picture in their place and marked, or refused with `nsfwContentDetected`.",
  ),
  safetyThreshold: setting(
    "INKSTONE_SAFETY_THRESHOLD",
    "0…1",
    float("Probability from which a picture is flagged: the sum over the classes that count.", {
      min: 0,
      max: 1,
    }).default(DEFAULT_SAFETY_RULE.threshold),
  ),
  safetyClasses: setting(
    "INKSTONE_SAFETY_CLASSES",
    "NAME,NAME,…",
    someOf("Classes that count as unsafe.", SAFETY_CLASSES).default([...DEFAULT_SAFETY_RULE.classes]),
  ),
  safetyAlways: truth(
    "INKSTONE_SAFETY_ALWAYS",
    false,
    "Whether pictures are checked that nobody asked to check. `NSFWContent` is told only where it was asked for.",
  ),
  faceModel: setting(
    "INKSTONE_FACE_MODEL",
    "FILE",
    text(
      "YOLO face network as ONNX (Ultralytics' export) that finds faces. Default: the built-in detector.",
      line,
    ).optional(),
  ),
  finishingIdle: count(
    "INKSTONE_FINISHING_IDLE",
    60,
    1,
    86_400,
    "Seconds without use after which the networks of the safety check and the face detector are unloaded.",
  ),
  logLevel: choice(
    "INKSTONE_LOG_LEVEL",
    ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    "info",
    "Least important log lines to write.",
  ),
  logPrompts: truth("INKSTONE_LOG_PROMPTS", false, "Whether prompts appear in the log."),
} as const;

export type SettingName = keyof typeof SETTINGS;

/** What a setting is, in words, and what its absence means; for help texts and the reference page. */
export function describeSetting({ field: schema }: Setting): { readonly about: string; readonly otherwise: string } {
  const facts = describeField(schema);
  return { about: facts.about, otherwise: String(facts.default ?? "") };
}
