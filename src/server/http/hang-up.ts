/** Sync tasks whose clients have hung up: a task that nobody waits for any more is not worth finishing. */

import type { FastifyReply, FastifyRequest } from "fastify";
import { TaskError } from "../../protocol/index.ts";
import type { HttpPorts, HttpSettings } from "./ports.ts";

/** Counts the waiters of tasks. */
export interface Waiters {
  /** Notes a waiter. The returned function takes the note back; it tells whether it was the last one. */
  waitFor(owner: string, taskUUID: string): () => boolean;
}

export function createWaiters(): Waiters {
  const waiters = new Map<string, number>();
  return {
    waitFor: (owner, taskUUID) => {
      const id = `${owner} ${taskUUID.toLowerCase()}`;
      waiters.set(id, (waiters.get(id) ?? 0) + 1);
      let waiting = true;
      return () => {
        if (!waiting) return false;
        waiting = false;
        const left = waiters.get(id)! - 1;
        if (left > 0) waiters.set(id, left);
        else waiters.delete(id);
        return left === 0;
      };
    },
  };
}

/** Aborted, with `taskCancelled`, when the client closes the connection before it has its reply. */
export function hangUpSignal({ raw }: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const closed = () => {
    if (!reply.raw.writableEnded) controller.abort(new TaskError("taskCancelled"));
  };
  if (raw.socket.destroyed) closed();
  else reply.raw.once("close", closed);
  return controller.signal;
}

/** A client that has hung up is not expected back, but may be reconnecting. */
const RECONNECT_SECONDS = 5;

/** Seconds that a client which has hung up may take to come back for its tasks. */
export const reconnectSeconds = ({ sessionBuffer }: HttpSettings): number => Math.min(RECONNECT_SECONDS, sessionBuffer);

interface Abandoning {
  readonly ports: HttpPorts;
  readonly waiters: Waiters;
}

/**
 * Cancels a task whose client is gone, unless somebody else waits for it: `release` takes back the client's own note. A
 * server that stops keeps the task for its next start.
 */
export function abandon({ ports }: Abandoning, owner: string, taskUUID: string, release: () => boolean): void {
  const { tasks, settings, stopping, log } = ports;
  if (!release() || !settings.cancelOnHangUp || stopping.aborted) return;
  tasks
    .abandon(owner, taskUUID)
    .catch((err) => log.warn({ err, taskUUID }, "a task whose client has gone away could not be cancelled"));
}

/** Abandons a task after a while: by then the client may have sent it again. */
export function abandonLater(context: Abandoning, owner: string, taskUUID: string): void {
  const release = context.waiters.waitFor(owner, taskUUID);
  const { later, settings } = context.ports;
  later(reconnectSeconds(settings), () => abandon(context, owner, taskUUID, release));
}
