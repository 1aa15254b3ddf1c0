import { z } from "zod";
import { field, float, secret, webAddress, words } from "../fields/index.ts";
import { choice, count, secretSetting, setting, truth } from "./setting.ts";

const MiB = 2 ** 20;

/** Origins of web pages: scheme, host and port, without a path. */
const origins = (about: string) =>
  field(z.array(z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text)).max(1000), {
    type: "string[]",
    rule: "origins such as https://app.example or http://10.0.0.5:3000, without a path",
    about,
  });

/** Settings of the server: access, limits, timeouts and delivery of results. */
export const SERVING = {
  role: choice(
    "INKSTONE_ROLE",
    ["all", "api", "worker"],
    "all",
    "Role of the process: `api` accepts and answers tasks, `worker` runs them. `all` does both. Separate roles need PostgreSQL and a common bucket or folder.",
  ),
  host: setting(
    "INKSTONE_HOST",
    "ADDRESS",
    field(
      z
        .string()
        .min(1)
        .max(4096)
        .regex(/^(?!unix:)|^unix:\//),
      {
        type: "string",
        rule: "an address, a name, or `unix:` and an absolute path",
        about:
          "Address to listen on. `0.0.0.0` listens on all. `unix:/run/inkstone/socket` listens on a Unix socket, for a proxy on this machine. Every caller on it needs a key.",
      },
    ).default("127.0.0.1"),
  ),
  port: count("INKSTONE_PORT", 7437, 0, 65_535, "Port to listen on. 0 picks a free one."),
  publicUrl: setting(
    "INKSTONE_PUBLIC_URL",
    "URL",
    webAddress(
      "Public address of the server. Image URLs begin with it. Default: `http://` and the `Host` of the request. In webhooks, the address it listens on.",
    )
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
  ),
  trustProxy: truth(
    "INKSTONE_TRUST_PROXY",
    false,
    "Take the public address from `X-Forwarded-Proto` and `X-Forwarded-Host`, if no public URL is set. Use it only behind a proxy that sets both. Otherwise callers choose the image URLs in their replies. Callers through a proxy always need a key.",
  ),
  apiKeys: secretSetting(
    "INKSTONE_API_KEYS",
    "KEY,KEY",
    words(
      "API keys, in addition to those of `inkstone keys`. Without any key, the server answers only callers on the same machine.",
      10_000,
    ).default([]),
  ),
  allowedOrigins: setting(
    "INKSTONE_ALLOWED_ORIGINS",
    "ORIGIN,ORIGIN",
    origins(
      "Origins whose web pages may call `/v1` with a key as Bearer, such as `https://app.example`. Pages from loopback addresses always may.",
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
  maxConnections: count(
    "INKSTONE_MAX_CONNECTIONS",
    1000,
    1,
    100_000,
    "Open connections, HTTP and WebSocket together. When all are taken, the one that has been without a request for longest makes way.",
  ),
  maxImagePixels: count("INKSTONE_MAX_IMAGE_PIXELS", 50_000_000, 16_384, 500_000_000, "Pixels of an input image."),
  maxQueue: count(
    "INKSTONE_MAX_QUEUE",
    1000,
    1,
    1_000_000,
    "Most tasks in the queue. More get `rateLimitExceeded` (429).",
  ),
  queueShare: setting(
    "INKSTONE_QUEUE_SHARE",
    "0…1",
    float("Largest share of the queue for one key. The rest stays free for other keys.", { min: 0, max: 1 }).default(
      0.8,
    ),
  ),
  keyUploadMB: count(
    "INKSTONE_KEY_UPLOAD_MB",
    256,
    1,
    1_000_000,
    "Megabytes of request bodies that one key may send at the same time. More get 429. One body is always accepted.",
  ),
  keyDownloads: count(
    "INKSTONE_KEY_DOWNLOADS",
    2,
    1,
    3,
    "Parallel downloads of input images per key, of 3 in all. Others wait.",
  ),
  abandonAsync: count(
    "INKSTONE_ABANDON_ASYNC",
    0,
    0,
    86_400,
    "Seconds without a poll before an async task is cancelled. Tasks with a webhook or upload are not cancelled. 0: never.",
  ),
  requestTimeout: count("INKSTONE_REQUEST_TIMEOUT", 60, 1, 3600, "Seconds for a request to arrive."),
  syncTimeout: count(
    "INKSTONE_SYNC_TIMEOUT",
    290,
    1,
    86_400,
    "Seconds an HTTP request waits for a sync task. The task continues after that. Node's `fetch` stops waiting at 300.",
  ),
  sendTimeout: count(
    "INKSTONE_SEND_TIMEOUT",
    60,
    1,
    3600,
    "Seconds for a client to receive a frame. The server disconnects slower clients.",
  ),
  idleTimeout: count(
    "INKSTONE_IDLE_TIMEOUT",
    120,
    1,
    86_400,
    "Seconds without a message before a WebSocket is closed.",
  ),
  sessionBuffer: count("INKSTONE_SESSION_BUFFER", 120, 0, 86_400, "Seconds to keep results for a broken WebSocket."),
  cancelOnHangUp: truth("INKSTONE_CANCEL_ON_HANG_UP", true, "Cancel a sync task when its client disconnects."),
  webhookStyle: choice(
    "INKSTONE_WEBHOOK_STYLE",
    ["wrapped", "flat"],
    "wrapped",
    'Body of webhooks: `{"data":[item]}` or the bare item.',
  ),
  webhookSecret: secretSetting(
    "INKSTONE_WEBHOOK_SECRET",
    "whsec_…",
    secret(
      "Secret that signs webhooks (Standard Webhooks). Default: a random one, stored in the data folder.",
    ).optional(),
  ),
  allowedAddresses: setting(
    "INKSTONE_ALLOWED_ADDRESSES",
    "CIDR,HOST,…",
    words(
      "Private addresses for images, models, webhooks and uploads. By default, only public addresses are allowed.",
      10_000,
    ).default([]),
  ),
  shutdownGrace: count("INKSTONE_SHUTDOWN_GRACE", 30, 0, 3600, "Seconds for running tasks to finish after SIGTERM."),
  logLevel: choice(
    "INKSTONE_LOG_LEVEL",
    ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    "info",
    "Lowest level of log lines to write.",
  ),
  logFormat: choice(
    "INKSTONE_LOG_FORMAT",
    ["auto", "json", "text"],
    "auto",
    "Form of the log: one JSON object per line, or text. `auto` is text on a terminal, otherwise JSON.",
  ),
  logPrompts: truth("INKSTONE_LOG_PROMPTS", false, "Write prompts to the log."),
} as const;
