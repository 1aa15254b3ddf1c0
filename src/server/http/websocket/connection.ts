/** One WebSocket: authentication, pings, tasks, and the closing of sockets that are silent or do not read. */

import type { IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import {
  type AuthenticationTask,
  type ErrorItem,
  errorItem,
  type ParsedTask,
  readTasks,
  stringifyJson,
  TaskError,
  type WatchTask,
} from "../../../protocol/index.ts";
import { type ParsedBody, SMALL_BODY_BYTES } from "../body.ts";
import { bearerKey, type Caller, identify, isStillAllowed } from "../caller.ts";
import { reconnectSeconds } from "../hang-up.ts";
import type { InlinePictures } from "../inline-pictures.ts";
import { filledIn, refusal } from "../queued-tasks.ts";
import { asTaskError } from "../reply.ts";
import type { RequestContext } from "../request-context.ts";
import { UNAUTHENTICATED_BYTES } from "../unauthenticated.ts";
import { createIntake } from "./intake.ts";
import type { Session, Sessions } from "./session.ts";
import { beginTask, oneError } from "./tasks.ts";
import { startWatch } from "./watch.ts";

/** A caller that has not proved who it is may stay only so long. */
const AUTHENTICATION_SECONDS = 30;
/** Sockets of such callers; with what each may send they take some megabytes together. */
const MOST_UNAUTHENTICATED = 100;
/** How long the other side may take to say goodbye when it is sent away. */
const GOODBYE_SECONDS = 0.5;
/** How often a socket that is not read is looked at again, beside whenever a message has been handled. */
const PACE_MS = 100;
/** Small frames (pongs) that a client may leave unread. */
const MOST_UNREAD = 16 * 2 ** 20;
/** Bytes that a client may be behind before it misses previews and steps. */
const MOST_BEHIND = 256 * 1024;
/** Messages in work at which the socket is read no further until some are done. */
const MOST_MESSAGES = 32;
/** Answers that wait for a client to read at which its socket is read no further. */
const MOST_WAITING = 200;

const NORMAL_CLOSE = new Set([1000, 1001, 1005]);

/** What all sockets share. */
export interface Sockets {
  readonly sessions: Sessions;
  /** Those of callers that have not proved who they are. */
  readonly unauthenticated: Set<WebSocket>;
}

/** Serves a socket until it closes. */
export function serveSocket(
  socket: WebSocket,
  request: IncomingMessage,
  context: RequestContext,
  { sessions, unauthenticated }: Sockets,
): void {
  const { ports, documentation, bodies, quota } = context;
  const { settings, later } = ports;
  let session: Session | undefined;
  /** Whom the header of the upgrade, or a server without keys, tells. */
  let known: Caller | undefined;
  const intake = createIntake();
  const uploads = quota.openSocket();
  let pending = 0;
  let isOverQuota = false;
  /** Looks again at a socket that is not read. */
  let pacing: NodeJS.Timeout | undefined;
  let work = Promise.resolve();

  const sendNow = (body: object) => {
    if (socket.bufferedAmount > MOST_UNREAD) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.send(stringifyJson(body));
    alive();
  };
  const sendQueued = (text: string) =>
    new Promise<void>((resolve, reject) => {
      if (socket.readyState !== socket.OPEN) return reject(new Error("The socket is closed"));
      const cancelSlow = later(settings.sendTimeout, () => socket.terminate());
      socket.send(text, (error) => {
        cancelSlow();
        alive();
        if (error) reject(error);
        else resolve();
      });
    });

  /** Ends the socket of a caller that has not proved who it is. */
  const sendAway = (code: number, reason: string) => {
    socket.pause();
    socket.close(code, reason);
    later(GOODBYE_SECONDS, () => socket.terminate());
  };
  const isUnknown = () => session === undefined && known === undefined;
  const cancelAsking = later(AUTHENTICATION_SECONDS, () => {
    if (isUnknown()) sendAway(1008, "authentication required");
  });
  /** Counts what comes before it is a frame: one that never ends is held in memory too. */
  const countBytes = (chunk: Buffer) => {
    intake.arrived(chunk.length);
    if (!isUnknown()) checkQuota();
    else if (intake.received > UNAUTHENTICATED_BYTES) sendAway(1009, "authentication required");
  };
  const proved = () => unauthenticated.delete(socket);
  /** Of a key that has too much under way no more is read until it is less; when nothing of this socket is in work, it is sent away. */
  const checkQuota = () => {
    const { owner } = (session?.caller ?? known)!;
    const refusal = uploads.hold(owner, intake.held);
    isOverQuota = refusal !== undefined;
    if (refusal === undefined || pending > 0 || socket.readyState !== socket.OPEN) return;
    refuseFrame(refusal);
    sendAway(1013, "too much under way");
  };
  let pinged = false;
  const silent = () => {
    // A client that waits for a long task may be silent, as long as it is there.
    if (session === undefined || session.endings.size === 0 || pinged) return socket.close(1000, "idle");
    pinged = true;
    socket.ping();
    cancelSilent = later(settings.idleTimeout, silent);
  };
  let cancelSilent = later(settings.idleTimeout, silent);
  const alive = () => {
    pinged = false;
    cancelSilent();
    if (socket.readyState === socket.CLOSED) return;
    cancelSilent = later(settings.idleTimeout, silent);
  };

  const release = () => socket.terminate();
  const welcome = (caller: Caller, resumed?: string): Session => {
    const earlier = resumed === undefined ? undefined : sessions.resume(resumed, caller, release);
    const next = earlier ?? sessions.open(caller, documentation, release);
    if (session !== undefined && session !== next) sessions.park(session, release, 0);
    session = next;
    proved();
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
      refuseSignIn(asTaskError(thrown));
    }
  };

  /** sdk-js stops reconnecting only at this very code; the TypeScript SDK reads the singular `error`. */
  const refuseSignIn = (refusal: TaskError) => {
    const item = errorItem(refusal.body, { taskType: "authentication" }, documentation);
    ports.metrics.refused(item.code);
    const error: ErrorItem = { ...item, code: "invalidApiKey" };
    sendNow({ errors: [error], error });
  };

  /** The session for a task: that of the authentication, or of the header the upgrade came with. */
  const sessionFor = async (): Promise<Session> => {
    if (session !== undefined) return session;
    const opened = welcome(await identify(ports.keys, bearerKey(request), request));
    opened.outbox.connect(sendQueued);
    return opened;
  };

  let endWatch = () => {};
  const watch = async (task: WatchTask): Promise<void> => {
    const { caller } = await sessionFor();
    endWatch();
    let over = false;
    endWatch = () => {
      over = true;
    };
    const end = await startWatch(context, caller, task, (body, droppable) => {
      if (!over && !(droppable && socket.bufferedAmount > MOST_BEHIND)) sendNow(body);
    });
    const stop = () => {
      over = true;
      end();
    };
    if (over || socket.readyState !== socket.OPEN) stop();
    else endWatch = stop;
  };

  const handle = async (given: ParsedTask, pictures: InlinePictures): Promise<void> => {
    if (given.ok && given.task.taskType === "authentication") return authenticate(given.task);
    if (!given.ok && given.owner.taskType === "authentication") return refuseSignIn(given.errors[0]);
    const owner = given.ok ? given.task : given.owner;
    try {
      const { outbox, caller } = await sessionFor();
      if (!(await isStillAllowed(ports.keys, caller.owner))) {
        throw new TaskError("invalidApiKey", {}, { parameter: "apiKey", type: "string" });
      }
      const item = await filledIn(context, given);
      if (!item.ok) outbox.push(oneError(context, (await refusal(context, item))[0], item.owner));
      else if (item.task.taskType === "ping") sendNow(PONG);
      else if (item.task.taskType === "watch") await watch(item.task);
      else if (item.task.taskType !== "authentication") {
        await beginTask(context, session!, { task: item.task, raw: item.raw, pictures });
      }
    } catch (thrown) {
      sendNow(errorsOnly(oneError(context, asTaskError(thrown), owner).errors));
    }
  };

  const refuseFrame = (thrown: unknown) => sendNow(errorsOnly(oneError(context, asTaskError(thrown), {}).errors));

  const receive = (data: RawData, binary: boolean): void => {
    alive();
    const bytes = asBuffer(data);
    const handled = intake.whole(bytes.length);
    const owner = (session?.caller ?? known)?.owner;
    const tasksIn = ({ json }: ParsedBody) => readTasks(json, settings);
    if (!binary && bytes.length > SMALL_BODY_BYTES) {
      enqueue(async () => {
        try {
          const body = await bodies.parseLarge(bytes, owner).finally(handled);
          for (const item of tasksIn(body)) await handle(item, body.pictures);
        } catch (thrown) {
          refuseFrame(thrown);
        }
      });
      return;
    }
    try {
      if (binary) throw new TaskError("invalidRequest", { reason: "Send text frames." });
      const body = bodies.parse(bytes, owner);
      for (const item of tasksIn(body)) {
        // Pings are answered at once, whatever else is going on and whoever asks.
        if (item.ok && item.task.taskType === "ping") sendNow(PONG);
        else enqueue(() => handle(item, body.pictures));
      }
    } catch (thrown) {
      refuseFrame(thrown);
    } finally {
      handled();
    }
  };

  /** Reads on, or not, by what is in work and what the client has not read yet. */
  const pace = (): void => {
    const waiting = session?.outbox.length ?? 0;
    const answering = session?.answering ?? 0;
    const proving = pending > 0 && isUnknown();
    if (!isUnknown()) checkQuota();
    const busy = proving || isOverQuota || pending + answering >= MOST_MESSAGES || waiting >= MOST_WAITING;
    if (busy) {
      socket.pause();
      pacing ??= setInterval(pace, PACE_MS);
    } else if (pacing !== undefined) {
      clearInterval(pacing);
      pacing = undefined;
      if (socket.readyState === socket.OPEN) socket.resume();
    }
  };

  const enqueue = (message: () => Promise<void>): void => {
    pending++;
    pace();
    work = work
      .then(message)
      .catch((thrown) => ports.log.error({ err: thrown }, "a frame could not be handled"))
      .finally(() => {
        pending--;
        pace();
      });
  };

  ports.metrics.sockets(1);
  if (unauthenticated.size >= MOST_UNAUTHENTICATED) sendAway(1013, "too many callers have not authenticated yet");
  else {
    unauthenticated.add(socket);
    request.socket.on("data", countBytes);
    // A key that came with the upgrade is looked at before anything is read.
    enqueue(async () => {
      known = await identify(ports.keys, bearerKey(request), request).catch(() => undefined);
      if (known) proved();
    });
  }
  socket.on("message", receive);
  socket.on("ping", alive);
  socket.on("pong", () => {
    if (pinged) alive();
  });
  // Protocol violations end in `close` as well; there is nothing more to say to this client.
  socket.on("error", (error) => ports.log.warn({ reason: error.message }, "websocket error"));
  socket.on("close", (code) => {
    cancelAsking();
    cancelSilent();
    clearInterval(pacing);
    uploads.end();
    unauthenticated.delete(socket);
    ports.metrics.sockets(-1);
    endWatch();
    const seconds = NORMAL_CLOSE.has(code) ? reconnectSeconds(settings) : settings.sessionBuffer;
    if (session !== undefined) sessions.park(session, release, seconds);
  });
}

const errorsOnly = (errors: readonly ErrorItem[]) => ({ errors });

const PONG = { data: [{ taskType: "ping", pong: true }] };

const asBuffer = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
