/** Sync tasks whose clients have gone away. */

import type { Exchange } from "./exchange.ts";
import type { HttpSettings } from "./ports.ts";

/** A client that has gone away is not expected back, but may be reconnecting. */
const FAREWELL_SECONDS = 5;

/** Seconds that a client which has gone away may take to come back for its tasks. */
export const farewellSeconds = ({ sessionBuffer }: HttpSettings): number => Math.min(FAREWELL_SECONDS, sessionBuffer);

/**
 * Cancels a task whose client is gone, unless somebody else waits for it: `release` takes back the client's own note. A
 * server that stops keeps the task for its next start.
 */
export function abandon({ ports }: Exchange, owner: string, taskUUID: string, release: () => boolean): void {
  const { tasks, settings, stopping, log } = ports;
  if (!release() || !settings.cancelOnHangUp || stopping.aborted) return;
  tasks
    .abandon(owner, taskUUID)
    .catch((err) => log.warn({ err, taskUUID }, "a task whose client has gone away could not be cancelled"));
}

/** Abandons a task after the farewell: by then the client may have sent it again. */
export function abandonLater(exchange: Exchange, owner: string, taskUUID: string): void {
  const release = exchange.interest.waitFor(owner, taskUUID);
  const milliseconds = farewellSeconds(exchange.ports.settings) * 1000;
  setTimeout(() => abandon(exchange, owner, taskUUID, release), milliseconds).unref();
}
