import { isIP } from "node:net";
import { Agent, type Dispatcher, errors, request as send } from "undici";
import { readAllowList } from "./address.ts";
import { guardedConnector, type Resolve, refusedHost } from "./connector.ts";

/**
 * A request without an answer. The message is the same for refused and unreachable addresses, so that callers cannot
 * map the network. The cause is for the log.
 */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly kind: "unreachable" | "timeout" | "tooLarge" | "invalidUrl";
  constructor(kind: OutboundError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface OutboundRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Limit of the total time: resolution, connection, request and answer. */
  readonly timeoutMs: number;
  /** Limit of the time without data from the server. Absent: only the total time is limited. */
  readonly silenceMs?: number;
  /** Limit of the answer's body. */
  readonly maxBytes: number;
  /** Treatment of a larger body: fail (default), or keep the beginning. */
  readonly overflow?: "refuse" | "cut";
  readonly signal?: AbortSignal;
}

export interface OutboundDownload
  extends Pick<OutboundRequest, "url" | "timeoutMs" | "silenceMs" | "maxBytes" | "signal"> {
  /** Called before the first byte with the length of the body, if the server sends it. */
  onLength?(bytes: number): void;
}

export interface OutboundResponse {
  /** Includes 3xx: only downloads follow redirects. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The client for all requests to addresses that callers name. No other code makes them. */
export interface Outbound {
  request(outbound: OutboundRequest): Promise<OutboundResponse>;
  /**
   * Downloads a file and passes it to `take` in pieces. Follows up to five redirects. Each address is checked like the
   * first one, and the timeout covers all of them.
   * @throws OutboundError also for any status except 200
   * @throws any error of `take`
   */
  download(outbound: OutboundDownload, take: (piece: Uint8Array) => Promise<void>): Promise<void>;
  /**
   * True if an address may be named in a request. Checked before resolution: the host is not a private literal and not
   * a local name.
   */
  mayName(url: string): boolean;
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** Private addresses, blocks and host names that may be reached. Default: none. */
  readonly allow?: readonly string[];
  /** Resolves names. Tests replace it. */
  readonly resolve?: Resolve;
}

/**
 * Creates the guarded client. It checks the address when it connects, so that the resolution of a name cannot change
 * between check and connection.
 */
export function createOutbound({ allow = [], resolve }: OutboundOptions = {}): Outbound {
  const allowed = readAllowList(allow);
  const agent = new Agent({
    connect: guardedConnector(allowed, resolve),
    keepAliveTimeout: 1_000,
    maxHeaderSize: 16_384,
  });

  async function exchange<Body>(
    outbound: OutboundRequest,
    read: (response: Dispatcher.ResponseData) => Promise<Body>,
  ): Promise<Omit<OutboundResponse, "body"> & { readonly body: Body }> {
    const url = readUrl(outbound.url);
    const clock = AbortSignal.timeout(outbound.timeoutMs);
    const signal = outbound.signal ? AbortSignal.any([clock, outbound.signal]) : clock;
    try {
      const response = await send(url, {
        dispatcher: agent,
        method: outbound.method,
        headers: { "user-agent": "inkstone", ...outbound.headers },
        body: outbound.body ?? null,
        signal,
        headersTimeout: outbound.silenceMs ?? 0, // the timer above covers both
        bodyTimeout: outbound.silenceMs ?? 0,
      });
      const body = await read(response);
      const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
      return { status: response.statusCode, headers: Object.fromEntries(headers), body };
    } catch (error) {
      if (error instanceof OutboundError) throw error;
      if (outbound.signal?.aborted) throw outbound.signal.reason;
      if (clock.aborted) {
        const seconds = outbound.timeoutMs / 1000;
        throw new OutboundError("timeout", `There was no complete answer within ${seconds} seconds.`, { cause: error });
      }
      if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
        const seconds = (outbound.silenceMs ?? 0) / 1000;
        throw new OutboundError("timeout", `The server sent no data for ${seconds} seconds.`, { cause: error });
      }
      throw new OutboundError("unreachable", "The address is not allowed or cannot be reached.", { cause: error });
    }
  }

  async function download(outbound: OutboundDownload, take: (piece: Uint8Array) => Promise<void>): Promise<void> {
    let { url } = outbound;
    const end = performance.now() + outbound.timeoutMs;
    for (let redirects = 0; ; redirects++) {
      let failure: { readonly cause: unknown } | undefined;
      const note = (cause: unknown) => {
        failure = { cause };
        throw cause;
      };
      const pass = ({ headers, body }: Dispatcher.ResponseData) => {
        const length = Number(headers["content-length"]);
        if (length > 0) outbound.onLength?.(length);
        return passBounded(body, outbound.maxBytes, (piece) => take(piece).catch(note));
      };
      const { status, headers } = await exchange(
        { ...outbound, url, method: "GET", timeoutMs: Math.max(1, Math.ceil(end - performance.now())) },
        (response) => (response.statusCode === 200 ? pass(response) : response.body.dump().catch(() => {})),
      ).catch((error) => {
        throw failure ? failure.cause : error;
      });
      if (status === 200) return;
      const target = status >= 300 && status < 400 ? URL.parse(headers.location ?? "", url) : null;
      if (!target) throw new OutboundError("unreachable", `The server answered with status ${status}.`);
      if (redirects === MOST_REDIRECTS) throw new OutboundError("unreachable", "The server redirects too often.");
      url = target.href;
    }
  }

  const request = (outbound: OutboundRequest): Promise<OutboundResponse> =>
    exchange(outbound, ({ body }) => readBounded(body, outbound.maxBytes, outbound.overflow ?? "refuse"));

  const mayName = (text: string): boolean => {
    try {
      return refusedHost(readUrl(text).hostname, allowed) === undefined;
    } catch {
      return false;
    }
  };

  return { request, download, mayName, close: () => agent.destroy() };
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url) throw new OutboundError("invalidUrl", "It is not a valid URL.");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OutboundError("invalidUrl", "Only http and https addresses can be used.");
  }
  if (url.username !== "" || url.password !== "") {
    throw new OutboundError("invalidUrl", "An address with credentials cannot be used.");
  }
  // "127.0.0.1." and similar forms are neither addresses nor names.
  if (url.hostname.endsWith(".") && isIP(url.hostname.slice(0, -1))) {
    throw new OutboundError("invalidUrl", "It is not a valid URL.");
  }
  return url;
}

const MOST_REDIRECTS = 5;

async function passBounded(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
  take: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > maxBytes) throw new OutboundError("tooLarge", `The answer is larger than ${maxBytes} bytes.`);
    await take(piece);
  }
}

async function readBounded(
  stream: AsyncIterable<Uint8Array> & { destroy(): unknown },
  maxBytes: number,
  overflow: "refuse" | "cut",
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length <= maxBytes) continue;
    stream.destroy();
    if (overflow === "cut") break;
    throw new OutboundError("tooLarge", `The answer is larger than ${maxBytes} bytes.`);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
