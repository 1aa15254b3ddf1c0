/** Settings of the server: one table gives the flags, the environment variables, the checks and the reference page. */

import { DEFAULT_SAFETY_RULE, SAFETY_CLASSES, SAFETY_POLICIES } from "../drawing/index.ts";
import { flag, oneOf, share, someOf, text, webAddress, whole, words } from "./kinds.ts";

const MiB = 2 ** 20;

export const SETTINGS = {
  host: text({ env: "INKSTONE_HOST" }, "ADDRESS", "127.0.0.1", "Address to listen on. `0.0.0.0` listens on all."),
  port: whole("INKSTONE_PORT", 7437, 0, 65_535, "Port to listen on. 0 picks a free one."),
  dataDir: text({ env: "INKSTONE_DATA_DIR" }, "DIR", "inkstone-data", "Folder for the database, images and keys."),
  publicUrl: webAddress(
    "INKSTONE_PUBLIC_URL",
    "Address under which clients reach the server; image URLs begin with it. Default: the address listened on.",
  ),
  databaseUrl: text(
    { env: "INKSTONE_DATABASE_URL", flag: false },
    "postgres://…",
    undefined,
    "PostgreSQL to use instead of the embedded database in the data folder.",
  ),
  databaseWait: whole(
    "INKSTONE_DATABASE_WAIT",
    60,
    0,
    3600,
    "Seconds that a PostgreSQL which cannot be reached yet is waited for at the start.",
  ),
  apiKeys: words(
    { env: "INKSTONE_API_KEYS", flag: false },
    "KEY,KEY",
    "API keys that may call, beside those of `inkstone keys`. When there are none at all, only callers on this machine are answered, with any key.",
  ),
  modelsDir: text(
    { env: "INKSTONE_MODELS_DIR" },
    "DIR",
    undefined,
    "Folder of installed models. Default: `models` in the data folder.",
  ),
  maxQueue: whole(
    "INKSTONE_MAX_QUEUE",
    1000,
    1,
    1_000_000,
    "Tasks that may wait. More are answered with `rateLimitExceeded` (429).",
  ),
  maxTasks: whole("INKSTONE_MAX_TASKS", 100, 1, 10_000, "Tasks in one request."),
  maxBodyBytes: whole(
    "INKSTONE_MAX_BODY_BYTES",
    64 * MiB,
    1024,
    1024 * MiB,
    "Bytes of a request body or WebSocket frame.",
  ),
  maxConnections: whole("INKSTONE_MAX_CONNECTIONS", 1000, 1, 100_000, "Open connections, HTTP and WebSocket together."),
  maxImagePixels: whole("INKSTONE_MAX_IMAGE_PIXELS", 50_000_000, 16_384, 500_000_000, "Pixels of an input image."),
  maxModelMB: whole(
    "INKSTONE_MAX_MODEL_MB",
    4096,
    0,
    1_000_000,
    "Megabytes (10⁶ bytes) of a model that modelUpload fetches; 0 takes none.",
  ),
  requestTimeout: whole("INKSTONE_REQUEST_TIMEOUT", 60, 1, 3600, "Seconds in which a request must have arrived."),
  syncTimeout: whole(
    "INKSTONE_SYNC_TIMEOUT",
    290,
    1,
    86_400,
    "Seconds an HTTP request waits for a sync task. The task goes on after that. (Node's fetch gives up at 300.)",
  ),
  sendTimeout: whole(
    "INKSTONE_SEND_TIMEOUT",
    60,
    1,
    3600,
    "Seconds in which a client must take a frame; slower ones are cut off.",
  ),
  idleTimeout: whole("INKSTONE_IDLE_TIMEOUT", 120, 1, 86_400, "Seconds after which a silent WebSocket is closed."),
  sessionBuffer: whole(
    "INKSTONE_SESSION_BUFFER",
    120,
    0,
    86_400,
    "Seconds for which results are held for a WebSocket that broke off.",
  ),
  cancelOnHangUp: flag(
    "INKSTONE_CANCEL_ON_HANG_UP",
    true,
    "Whether a sync task is cancelled when its client goes away.",
  ),
  resultRetention: whole("INKSTONE_RESULT_RETENTION", 24, 1, 8760, "Hours for which finished tasks can be asked for."),
  imageRetention: whole("INKSTONE_IMAGE_RETENTION", 168, 1, 87_600, "Hours for which images without `ttl` are kept."),
  webhookStyle: oneOf(
    "INKSTONE_WEBHOOK_STYLE",
    ["wrapped", "flat"],
    "wrapped",
    'Body of webhooks: `{"data":[item]}` or the bare item.',
  ),
  webhookSecret: text(
    { env: "INKSTONE_WEBHOOK_SECRET", flag: false },
    "whsec_…",
    undefined,
    "Key that signs webhooks (Standard Webhooks). Default: one made for this data folder.",
  ),
  allowedAddresses: words(
    { env: "INKSTONE_ALLOWED_ADDRESSES" },
    "CIDR,HOST,…",
    "Private addresses that images, models, webhooks and uploads may use. By default only public ones.",
  ),
  shutdownGrace: whole(
    "INKSTONE_SHUTDOWN_GRACE",
    30,
    0,
    3600,
    "Seconds that running tasks get to finish after SIGTERM.",
  ),
  stepTimeout: whole(
    "INKSTONE_STEP_TIMEOUT",
    600,
    1,
    86_400,
    "Seconds without progress after which the engine is restarted.",
  ),
  threads: whole("INKSTONE_THREADS", 0, 0, 1024, "Processor threads that draw. 0: one per core."),
  maxAttempts: whole(
    "INKSTONE_MAX_ATTEMPTS",
    3,
    1,
    20,
    "Times a task is started before it fails, when the engine is lost.",
  ),
  safetyPolicy: oneOf(
    "INKSTONE_SAFETY_POLICY",
    SAFETY_POLICIES,
    "deliver",
    "What becomes of pictures that the safety check flags: delivered and marked, a grey picture in their place and marked, or refused with `nsfwContentDetected`.",
  ),
  safetyThreshold: share(
    "INKSTONE_SAFETY_THRESHOLD",
    DEFAULT_SAFETY_RULE.threshold,
    "Probability from which a picture is flagged: the sum over the classes that count.",
  ),
  safetyClasses: someOf(
    "INKSTONE_SAFETY_CLASSES",
    SAFETY_CLASSES,
    DEFAULT_SAFETY_RULE.classes,
    "Classes that count as unsafe.",
  ),
  safetyAlways: flag(
    "INKSTONE_SAFETY_ALWAYS",
    false,
    "Whether pictures are checked that nobody asked to check. `NSFWContent` is told only where it was asked for.",
  ),
  faceModel: text(
    { env: "INKSTONE_FACE_MODEL" },
    "FILE",
    undefined,
    "YOLO face network as ONNX (Ultralytics' export) that finds faces. Default: the built-in detector.",
  ),
  helperIdle: whole(
    "INKSTONE_HELPER_IDLE",
    60,
    1,
    86_400,
    "Seconds without use after which the safety check, the face detector and the maker of guide images are unloaded.",
  ),
  logLevel: oneOf(
    "INKSTONE_LOG_LEVEL",
    ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    "info",
    "Least important log lines to write.",
  ),
  logPrompts: flag("INKSTONE_LOG_PROMPTS", false, "Whether prompts appear in the log."),
} as const;

export type SettingName = keyof typeof SETTINGS;
