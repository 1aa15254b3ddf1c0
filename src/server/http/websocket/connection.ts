/** One WebSocket from upgrade to end: receives frames and starts tasks. */

import type { IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import { type ErrorItem, type ParsedTask, readTasks, TaskError, type WatchTask } from "../../../protocol/index.ts";
import { type ParsedBody, SMALL_BODY_BYTES } from "../body.ts";
import { isStillAllowed } from "../caller.ts";
import type { InlinePictures } from "../inline-pictures.ts";
import { filledIn, refusal } from "../queued-tasks.ts";
import { asTaskError } from "../reply.ts";
import type { RequestContext } from "../request-context.ts";
import { createReading } from "./reading.ts";
import { createSending } from "./sending.ts";
import { createSignIn, type Sockets } from "./sign-in.ts";
import { closeWhenSilent } from "./silence.ts";
import { beginTask, oneError } from "./tasks.ts";
import { startWatch } from "./watch.ts";

/** Serves a socket until it closes. */
export function serveSocket(
  socket: WebSocket,
  request: IncomingMessage,
  context: RequestContext,
  sockets: Sockets,
): void {
  const { ports, bodies, quota } = context;
  const { settings, later } = ports;
  // A client that waits for a long task may be silent if it answers pings.
  const isWaiting = () => (signIn.session?.endings.size ?? 0) > 0;
  const silence = closeWhenSilent(socket, later, settings.idleTimeout, isWaiting);
  const sending = createSending(socket, later, settings.sendTimeout, silence.broken);
  const signIn = createSignIn({ socket, request, context, sending }, sockets);
  const reading = createReading(socket, {
    signIn,
    uploads: quota.openSocket(),
    refuse: (refusal) => {
      refuseFrame(refusal);
      sending.sendAway(1013, "too many bytes in progress");
    },
    failed: (err) => ports.log.error({ err }, "a frame could not be handled"),
  });

  let endWatch = () => {};
  const watch = async (task: WatchTask): Promise<void> => {
    const { caller } = await signIn.sessionFor();
    endWatch();
    let over = false;
    endWatch = () => {
      over = true;
    };
    const end = await startWatch(context, caller, task, (body, droppable) => {
      if (!over && !(droppable && sending.isBehind)) sending.now(body);
    });
    const stop = () => {
      over = true;
      end();
    };
    if (over || socket.readyState !== socket.OPEN) stop();
    else endWatch = stop;
  };

  const handle = async (given: ParsedTask, pictures: InlinePictures): Promise<void> => {
    if (given.ok && given.task.taskType === "authentication") return signIn.authenticate(given.task);
    if (!given.ok && given.owner.taskType === "authentication") return signIn.refuse(given.errors[0]);
    const owner = given.ok ? given.task : given.owner;
    try {
      const session = await signIn.sessionFor();
      if (!(await isStillAllowed(ports.keys, session.caller.owner))) {
        throw new TaskError("invalidApiKey", {}, { parameter: "apiKey", type: "string" });
      }
      const item = await filledIn(context, given);
      if (!item.ok) session.outbox.push(oneError(context, (await refusal(context, item))[0], item.owner));
      else if (item.task.taskType === "ping") sending.now(PONG);
      else if (item.task.taskType === "watch") await watch(item.task);
      else if (item.task.taskType !== "authentication") {
        await beginTask(context, session, { task: item.task, raw: item.raw, pictures });
      }
    } catch (thrown) {
      sending.now(errorsOnly(oneError(context, asTaskError(thrown), owner).errors));
    }
  };

  const refuseFrame = (thrown: unknown) => sending.now(errorsOnly(oneError(context, asTaskError(thrown), {}).errors));

  const receive = (data: RawData, binary: boolean): void => {
    silence.broken();
    const bytes = asBuffer(data);
    const handled = reading.whole(bytes.length);
    const owner = signIn.caller?.owner;
    const tasksIn = ({ json }: ParsedBody) => readTasks(json, settings);
    if (!binary && bytes.length > SMALL_BODY_BYTES) {
      reading.enqueue(async () => {
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
        // Pings are answered at once, at any time and for any caller.
        if (item.ok && item.task.taskType === "ping") sending.now(PONG);
        else reading.enqueue(() => handle(item, body.pictures));
      }
    } catch (thrown) {
      refuseFrame(thrown);
    } finally {
      handled();
    }
  };

  ports.metrics.sockets(1);
  if (signIn.admit()) {
    reading.count(request.socket);
    // A key in the upgrade is checked before anything is read.
    reading.enqueue(signIn.useHeader);
  }
  socket.on("message", receive);
  // Protocol violations also end in `close`. Nothing more can be sent to this client.
  socket.on("error", (error) => ports.log.warn({ reason: error.message }, "websocket error"));
  socket.on("close", (code) => {
    silence.end();
    reading.end();
    ports.metrics.sockets(-1);
    endWatch();
    signIn.end(code);
  });
}

const errorsOnly = (errors: readonly ErrorItem[]) => ({ errors });

const PONG = { data: [{ taskType: "ping", pong: true }] };

const asBuffer = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
