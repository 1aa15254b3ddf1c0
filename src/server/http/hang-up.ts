/** Sync tasks of disconnected clients. A task without any waiting client is not worth finishing. */

import type { FastifyReply, FastifyRequest } from "fastify";
import { TaskError } from "../../protocol/index.ts";
import type { HttpPorts, HttpSettings } from "./ports.ts";

/** Counts the waiters of tasks. */
export interface Waiters {
  /** Adds a waiter. The returned function removes it and returns true if it was the last one. */
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

/** Aborted with `taskCancelled` when the client disconnects before the reply. */
export function hangUpSignal({ raw }: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const closed = () => {
    if (!reply.raw.writableEnded) controller.abort(new TaskError("taskCancelled"));
  };
  if (raw.socket.destroyed) closed();
  else reply.raw.once("close", closed);
  return controller.signal;
}

/** Seconds that a disconnected HTTP client gets to reconnect. */
const RECONNECT_SECONDS = 5;

/** Seconds before the tasks of a disconnected client are abandoned. */
export const reconnectSeconds = ({ sessionBuffer }: HttpSettings): number => Math.min(RECONNECT_SECONDS, sessionBuffer);

interface Abandoning {
  readonly ports: HttpPorts;
  readonly waiters: Waiters;
}

/**
 * Cancels a task of a disconnected client, unless another client waits for it. `release` removes the client's own
 * waiter. A server that stops keeps the task for the next start.
 */
export function abandon({ ports }: Abandoning, owner: string, taskUUID: string, release: () => boolean): void {
  const { tasks, settings, stopping, log } = ports;
  if (!release() || !settings.cancelOnHangUp || stopping.aborted) return;
  tasks
    .abandon(owner, taskUUID)
    .catch((err) => log.warn({ err, taskUUID }, "a task of a disconnected client could not be cancelled"));
}

/** Abandons a task after a while. The client may have sent it again by then. */
export function abandonLater(context: Abandoning, owner: string, taskUUID: string): void {
  const release = context.waiters.waitFor(owner, taskUUID);
  const { later, settings } = context.ports;
  later(reconnectSeconds(settings), () => abandon(context, owner, taskUUID, release));
}
