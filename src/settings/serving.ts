import { z } from "zod";
import { field, float, secret, text, webAddress, words } from "../fields/index.ts";
import { choice, count, line, secretSetting, setting, truth } from "./setting.ts";

const MiB = 2 ** 20;

/** Origins of web pages: scheme, host and port, nothing behind them. */
const origins = (about: string) =>
  field(z.array(z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text)).max(1000), {
    type: "string[]",
    rule: "origins such as https://app.example or http://10.0.0.5:3000, without a path",
    about,
  });

/** Who may call and from where, how much at once, how long, and how results are sent. */
export const SERVING = {
  role: choice(
    "INKSTONE_ROLE",
    ["all", "api", "worker"],
    "all",
    "What the process does: `api` takes tasks and answers, `worker` draws, `all` both. Apart they need PostgreSQL, and one bucket or folder of images.",
  ),
  host: setting(
    "INKSTONE_HOST",
    "ADDRESS",
    text("Address to listen on. `0.0.0.0` listens on all.", line).default("127.0.0.1"),
  ),
  port: count("INKSTONE_PORT", 7437, 0, 65_535, "Port to listen on. 0 picks a free one."),
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
  apiKeys: secretSetting(
    "INKSTONE_API_KEYS",
    "KEY,KEY",
    words(
      "API keys that may call, beside those of `inkstone keys`. When there are none at all, only callers on this machine are answered, with any key.",
      10_000,
    ).default([]),
  ),
  allowedOrigins: setting(
    "INKSTONE_ALLOWED_ORIGINS",
    "ORIGIN,ORIGIN",
    origins(
      "Web pages of other origins that may call `/v1` with a key as Bearer, such as `https://app.example`. Pages served from `localhost` and other loopback addresses always may.",
    ).default([]),
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
  keyUploadMB: count(
    "INKSTONE_KEY_UPLOAD_MB",
    256,
    1,
    1_000_000,
    "Megabytes of request bodies that one key may be sending at the same time; more are answered with 429. One body is always taken.",
  ),
  keyDownloads: count(
    "INKSTONE_KEY_DOWNLOADS",
    2,
    1,
    3,
    "Images from web addresses that are fetched for one key at the same time, of 3 in all; further ones wait.",
  ),
  abandonAsync: count(
    "INKSTONE_ABANDON_ASYNC",
    0,
    0,
    86_400,
    "Seconds after which an async task is cancelled that nobody has asked for since, and that owes no webhook or upload. 0: never.",
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
  logLevel: choice(
    "INKSTONE_LOG_LEVEL",
    ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    "info",
    "Least important log lines to write.",
  ),
  logFormat: choice(
    "INKSTONE_LOG_FORMAT",
    ["auto", "json", "text"],
    "auto",
    "Form of the log: a JSON object a line, or text for people; `auto` is text on a terminal, else JSON.",
  ),
  logPrompts: truth("INKSTONE_LOG_PROMPTS", false, "Whether prompts appear in the log."),
} as const;
