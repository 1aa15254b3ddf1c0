/** One WebSocket: authentication, pings, tasks, and the closing of sockets that are silent or do not read. */

import type { IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import {
  type AuthenticationTask,
  type ErrorItem,
  errorItem,
  type ParsedTask,
  parseRequest,
  stringifyJson,
  TaskError,
} from "../../../protocol/index.ts";
import { bearerKey, type Caller, identify } from "../caller.ts";
import { reconnectSeconds } from "../hang-up.ts";
import { asTaskError } from "../reply.ts";
import type { RequestContext } from "../request-context.ts";
import { UNAUTHENTICATED_BYTES } from "../unauthenticated.ts";
import type { Session, Sessions } from "./session.ts";
import { beginTask, oneError } from "./tasks.ts";

/** A caller that has not proved who it is may stay only so long. */
const AUTHENTICATION_SECONDS = 30;
/** Small frames (pongs) that a client may leave unread. */
const MOST_UNREAD = 16 * 2 ** 20;
/** Messages in work at which the socket is read no further until some are done. */
const MOST_MESSAGES = 32;

const NORMAL_CLOSE = new Set([1000, 1001, 1005]);

/** Serves a socket until it closes. */
export function serveSocket(
  socket: WebSocket,
  request: IncomingMessage,
  context: RequestContext,
  sessions: Sessions,
): void {
  const { ports, documentation } = context;
  const { settings } = ports;
  let session: Session | undefined;
  let pending = 0;
  let work = Promise.resolve();

  const sendNow = (body: object) => {
    if (socket.bufferedAmount > MOST_UNREAD) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.send(stringifyJson(body));
    alive();
  };
  const sendQueued = (text: string) =>
    new Promise<void>((resolve, reject) => {
      if (socket.readyState !== socket.OPEN) return reject(new Error("The socket is closed"));
      const slow = setTimeout(() => socket.terminate(), settings.sendTimeout * 1000);
      socket.send(text, (error) => {
        clearTimeout(slow);
        alive();
        if (error) reject(error);
        else resolve();
      });
    });

  const stranger = setTimeout(() => {
    if (session === undefined) socket.close(1008, "authentication required");
  }, AUTHENTICATION_SECONDS * 1000);
  let pinged = false;
  const idle = setTimeout(() => {
    // A client that waits for a long task may be silent, as long as it is there.
    if (session === undefined || session.endings.size === 0 || pinged) return socket.close(1000, "idle");
    pinged = true;
    socket.ping();
    idle.refresh();
  }, settings.idleTimeout * 1000);
  const alive = () => {
    pinged = false;
    idle.refresh();
  };

  const release = () => socket.terminate();
  const welcome = (caller: Caller, resumed?: string): Session => {
    const earlier = resumed === undefined ? undefined : sessions.resume(resumed, caller, release);
    const next = earlier ?? sessions.open(caller, documentation, release);
    if (session !== undefined && session !== next) sessions.park(session, release, 0);
    session = next;
    // Its end has been told already, when there was no session to park.
    if (socket.readyState === socket.CLOSED) sessions.park(next, release, reconnectSeconds(settings));
    return next;
  };

  const authenticate = async (task: AuthenticationTask) => {
    try {
      const caller = await identify(ports.keys, task.apiKey, request);
      const { id, outbox } = welcome(caller, task.connectionSessionUUID);
      sendNow({ data: [{ taskType: "authentication", connectionSessionUUID: id }] });
      outbox.connect(sendQueued);
    } catch (thrown) {
      const item = errorItem(asTaskError(thrown).body, { taskType: "authentication" }, documentation);
      ports.metrics.refused(item.code);
      // sdk-js stops reconnecting only at this very code.
      sendNow({ errors: [{ ...item, code: "invalidApiKey" } satisfies ErrorItem] });
    }
  };

  /** The session for a task: that of the authentication, or of the header the upgrade came with. */
  const sessionFor = async (): Promise<Session> => {
    if (session !== undefined) return session;
    const opened = welcome(await identify(ports.keys, bearerKey(request), request));
    opened.outbox.connect(sendQueued);
    return opened;
  };

  const handle = async (item: ParsedTask): Promise<void> => {
    if (item.ok && item.task.taskType === "authentication") return authenticate(item.task);
    if (!item.ok && item.owner.taskType === "authentication") {
      const error = errorItem(item.errors[0].body, { taskType: "authentication" }, documentation);
      return sendNow({ errors: [{ ...error, code: "invalidApiKey" }] });
    }
    const owner = item.ok ? item.task : item.owner;
    try {
      const { outbox } = await sessionFor();
      if (!item.ok) outbox.push(oneError(context, item.errors[0], item.owner));
      else if (item.task.taskType !== "ping" && item.task.taskType !== "authentication") {
        await beginTask(context, session!, item.task, item.raw);
      }
    } catch (thrown) {
      sendNow(errorsOnly(oneError(context, asTaskError(thrown), owner).errors));
    }
  };

  const read = (data: RawData, binary: boolean): readonly ParsedTask[] => {
    try {
      if (binary) throw new TaskError("invalidRequest", { reason: "Send text frames." });
      return parseRequest(String(data), settings);
    } catch (thrown) {
      sendNow(errorsOnly(oneError(context, asTaskError(thrown), {}).errors));
      return [];
    }
  };

  const receive = (data: RawData, binary: boolean): void => {
    alive();
    const bytes = byteLength(data);
    if (session === undefined && bytes > UNAUTHENTICATED_BYTES) socket.close(1009, "authentication required");
    else
      for (const item of read(data, binary)) {
        // Pings are answered at once, whatever else is going on and whoever asks.
        if (item.ok && item.task.taskType === "ping") sendNow({ data: [{ taskType: "ping", pong: true }] });
        else enqueue(item);
      }
  };

  const enqueue = (item: ParsedTask): void => {
    pending++;
    if (pending >= MOST_MESSAGES) socket.pause();
    work = work
      .then(() => handle(item))
      .catch((thrown) => ports.log.error({ err: thrown }, "a frame could not be handled"))
      .finally(() => {
        pending--;
        if (pending < MOST_MESSAGES && socket.isPaused) socket.resume();
      });
  };

  socket.on("message", receive);
  socket.on("ping", alive);
  socket.on("pong", () => {
    if (pinged) alive();
  });
  // Protocol violations end in `close` as well; there is nothing more to say to this client.
  socket.on("error", (error) => ports.log.warn({ reason: error.message }, "websocket error"));
  socket.on("close", (code) => {
    clearTimeout(stranger);
    clearTimeout(idle);
    ports.metrics.sockets(-1);
    const seconds = NORMAL_CLOSE.has(code) ? reconnectSeconds(settings) : settings.sessionBuffer;
    if (session !== undefined) sessions.park(session, release, seconds);
  });
  ports.metrics.sockets(1);
}

const errorsOnly = (errors: readonly ErrorItem[]) => ({ errors });

const byteLength = (data: RawData): number =>
  Array.isArray(data) ? data.reduce((sum, part) => sum + part.byteLength, 0) : data.byteLength;
