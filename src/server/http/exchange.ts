import type { IncomingMessage } from "node:http";
import type { ImageSource } from "./image-items.ts";
import type { Interest } from "./interest.ts";
import type { HttpPorts } from "./ports.ts";

/** One request or socket, and what answering it takes. */
export interface Exchange {
  readonly ports: HttpPorts;
  readonly interest: Interest;
  readonly source: ImageSource;
  /** The address of the reference page, for error items. */
  readonly documentation: string;
  /** Validate only. */
  readonly dryRun: boolean;
}

const HOST = /^[\w.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i;

/** The exchange that begins with this HTTP request or upgrade. */
export function openExchange(ports: HttpPorts, interest: Interest, request: IncomingMessage): Exchange {
  const { host = "" } = request.headers;
  const { localAddress = "127.0.0.1", localPort } = request.socket;
  const address = localAddress.includes(":") ? `[${localAddress}]` : localAddress;
  // Without a public address, the one the client used is the one it can reach.
  const baseUrl = ports.settings.publicUrl ?? `http://${HOST.test(host) ? host : `${address}:${localPort}`}`;
  return {
    ports,
    interest,
    source: { images: ports.images, baseUrl },
    documentation: `${baseUrl}/docs`,
    dryRun: /[?&]dryRun=(1|true)(&|$)/.test(request.url ?? ""),
  };
}
