/**
 * The caller of a WebSocket: identified by an authentication task, by the header of the upgrade, or by a server without
 * keys.
 */

import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { type AuthenticationTask, type ErrorItem, errorItem, type TaskError } from "../../../protocol/index.ts";
import { bearerKey, type Caller, identify } from "../caller.ts";
import { reconnectSeconds } from "../hang-up.ts";
import { asTaskError } from "../reply.ts";
import type { RequestContext } from "../request-context.ts";
import { UNAUTHENTICATED_BYTES } from "../unauthenticated.ts";
import type { Sending } from "./sending.ts";
import type { Session, Sessions } from "./session.ts";

/** Seconds for a caller to authenticate. */
const AUTHENTICATION_SECONDS = 30;
/** Most sockets of unauthenticated callers. With the bytes that each may send, they take some megabytes in total. */
const MOST_UNAUTHENTICATED = 100;

/** Codes of a client's own choice, or of no reason: the client is not expected to resume later. */
const NORMAL_CLOSE = new Set([1000, 1001, 1005]);

/** The state that all sockets share. */
export interface Sockets {
  readonly sessions: Sessions;
  /** Sockets of unauthenticated callers. */
  readonly unauthenticated: Set<WebSocket>;
}

export interface SignIn {
  /** Undefined until the caller has authenticated. */
  readonly caller: Caller | undefined;
  readonly session: Session | undefined;
  /** True if the socket may be read. If too many other callers have not authenticated, it is closed. */
  admit(): boolean;
  /** Reads the key of the upgrade. An invalid key is refused with the first task. */
  useHeader(): Promise<void>;
  authenticate(task: AuthenticationTask): Promise<void>;
  refuse(refusal: TaskError): void;
  /** The session of a task. Without an authentication task, it is opened for the key of the upgrade. */
  sessionFor(): Promise<Session>;
  /** Closes the socket if this exceeds the bytes that an unauthenticated caller may send. */
  limit(received: number): void;
  /** Called when the socket has closed with this code. Its session waits for the client to resume. */
  end(code: number): void;
}

interface Line {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly context: RequestContext;
  readonly sending: Sending;
}

export function createSignIn(
  { socket, request, context, sending }: Line,
  { sessions, unauthenticated }: Sockets,
): SignIn {
  const { ports, documentation } = context;
  const { settings, keys } = ports;
  let session: Session | undefined;
  /** The caller by the header of the upgrade, or of a server without keys. */
  let known: Caller | undefined;

  const caller = () => session?.caller ?? known;
  const release = () => socket.terminate();
  const cancelAsking = ports.later(AUTHENTICATION_SECONDS, () => {
    if (caller() === undefined) sending.sendAway(1008, "authentication required");
  });

  const welcome = (caller: Caller, resumed?: string): Session => {
    const earlier = resumed === undefined ? undefined : sessions.resume(resumed, caller, release);
    const next = earlier ?? sessions.open(caller, documentation, release);
    if (session !== undefined && session !== next) sessions.park(session, release, 0);
    session = next;
    unauthenticated.delete(socket);
    // `end` was called before there was a session to park.
    if (socket.readyState === socket.CLOSED) sessions.park(next, release, reconnectSeconds(settings));
    return next;
  };

  /** sdk-js stops reconnecting only on this exact code. The TypeScript SDK reads the singular `error`. */
  const refuse = (refusal: TaskError) => {
    const item = errorItem(refusal.body, { taskType: "authentication" }, documentation);
    ports.metrics.refused(item.code);
    const error: ErrorItem = { ...item, code: "invalidApiKey" };
    sending.now({ errors: [error], error });
  };

  return {
    get caller() {
      return caller();
    },
    get session() {
      return session;
    },
    admit() {
      const isFull = unauthenticated.size >= MOST_UNAUTHENTICATED;
      if (isFull) sending.sendAway(1013, "too many callers have not authenticated yet");
      else unauthenticated.add(socket);
      return !isFull;
    },
    async useHeader() {
      known = await identify(keys, bearerKey(request), request).catch(() => undefined);
      if (known) unauthenticated.delete(socket);
    },
    async authenticate(task) {
      try {
        const caller = await identify(keys, task.apiKey, request);
        const { id, outbox } = welcome(caller, task.connectionSessionUUID);
        sending.now({ data: [{ taskType: "authentication", connectionSessionUUID: id }] });
        outbox.connect(sending.queued);
      } catch (thrown) {
        refuse(asTaskError(thrown));
      }
    },
    refuse,
    async sessionFor() {
      if (session !== undefined) return session;
      const opened = welcome(await identify(keys, bearerKey(request), request));
      opened.outbox.connect(sending.queued);
      return opened;
    },
    limit(received) {
      if (received > UNAUTHENTICATED_BYTES) sending.sendAway(1009, "authentication required");
    },
    end(code) {
      cancelAsking();
      unauthenticated.delete(socket);
      const seconds = NORMAL_CLOSE.has(code) ? reconnectSeconds(settings) : settings.sessionBuffer;
      if (session !== undefined) sessions.park(session, release, seconds);
    },
  };
}
