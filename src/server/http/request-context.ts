import type { IncomingMessage } from "node:http";
import type { BodyParser } from "./body.ts";
import type { Waiters } from "./hang-up.ts";
import type { ImageSource } from "./items.ts";
import type { HttpPorts } from "./ports.ts";
import type { RequestTraces } from "./request-traces.ts";
import type { UploadQuota } from "./upload-quota.ts";

/** What all requests share. */
export interface Shared {
  readonly ports: HttpPorts;
  readonly waiters: Waiters;
  readonly bodies: BodyParser;
  readonly traces: RequestTraces;
  readonly quota: UploadQuota;
}

/** One request or socket, and what answering it takes. */
export interface RequestContext extends Shared {
  readonly source: ImageSource;
  /** This server, as the caller reaches it; without a slash at the end. */
  readonly baseUrl: string;
  /** The address of the reference pages, for error items. */
  readonly documentation: string;
  /** `traceparent` of the request, where traces are collected; of a socket the one that its client sent. */
  readonly trace: string | undefined;
  /** Validate only. */
  readonly dryRun: boolean;
}

const HOST = /^[\w.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i;

/** How the client reaches this server: as the request says, which a proxy in front that is trusted may put right. */
function reachedAt({ headers, socket }: IncomingMessage, trustProxy: boolean): string {
  const { localAddress = "127.0.0.1", localPort } = socket;
  const listening = `${localAddress.includes(":") ? `[${localAddress}]` : localAddress}:${localPort}`;
  /** Of several proxies the first one spoke with the client. */
  const forwarded = (name: string) =>
    trustProxy
      ? String(headers[name] ?? "")
          .split(",")[0]!
          .trim()
      : "";
  const scheme = forwarded("x-forwarded-proto").toLowerCase() === "https" ? "https" : "http";
  const host = [forwarded("x-forwarded-host"), headers.host ?? ""].find((name) => HOST.test(name)) ?? listening;
  return `${scheme}://${host}`;
}

/** The context that begins with this HTTP request or upgrade. */
export function openContext(shared: Shared, request: IncomingMessage): RequestContext {
  const { ports } = shared;
  // Without a public address, the one the client used is the one it can reach.
  const baseUrl = ports.settings.publicUrl ?? reachedAt(request, ports.settings.trustProxy);
  return {
    ...shared,
    source: { images: ports.images, imagesUrl: ports.settings.imageUrl ?? `${baseUrl}/images` },
    baseUrl,
    trace: shared.traces.of(request),
    documentation: `${baseUrl}/docs/reference`,
    dryRun:
      /[?&]dryRun=(1|true)(&|$)/.test(request.url ?? "") ||
      /^(1|true)$/.test(String(request.headers["x-runware-dry-run"])),
  };
}
