import type { IncomingMessage } from "node:http";
import type { BodyParser } from "./body.ts";
import type { Waiters } from "./hang-up.ts";
import type { ImageSource } from "./items.ts";
import type { HttpPorts } from "./ports.ts";
import type { RequestTraces } from "./request-traces.ts";
import type { UploadQuota } from "./upload-quota.ts";

/** The state that all requests share. */
export interface Shared {
  readonly ports: HttpPorts;
  readonly waiters: Waiters;
  readonly bodies: BodyParser;
  readonly traces: RequestTraces;
  readonly quota: UploadQuota;
}

/** The context of one request or socket. */
export interface RequestContext extends Shared {
  readonly source: ImageSource;
  /** The address of this server, as the caller reaches it, without a slash at the end. */
  readonly baseUrl: string;
  /** The address of the reference pages, for error items. */
  readonly documentation: string;
  /** The `traceparent` of the request, if traces are collected. For a socket, the one that its client sent. */
  readonly trace: string | undefined;
  /** Validate only. */
  readonly dryRun: boolean;
}

const HOST = /^[\w.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i;

/** The address of this server according to the request, or according to the headers of a trusted proxy. */
function reachedAt({ headers, socket }: IncomingMessage, trustProxy: boolean): string {
  const { localAddress = "127.0.0.1", localPort } = socket;
  const listening = `${localAddress.includes(":") ? `[${localAddress}]` : localAddress}:${localPort}`;
  /** The first of several proxies talked to the client. */
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

/** Creates the context of an HTTP request or upgrade. */
export function openContext(shared: Shared, request: IncomingMessage): RequestContext {
  const { ports } = shared;
  // Without a public address, the address in the request is the one that the client can reach.
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
