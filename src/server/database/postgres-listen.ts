import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const RECONNECT_MS = 500;
const HEARTBEAT_MS = 15_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

/**
 * Keeps one connection subscribed to a channel. Reconnects indefinitely, and sends probes, because a half-open
 * connection is silent.
 */
export async function listenPostgres(
  config: pg.ClientConfig,
  channel: string,
  onMessage: (payload: string) => void,
  onGap: () => void,
): Promise<() => Promise<void>> {
  const stop = new AbortController();
  let client: pg.Client | undefined;

  async function connect(): Promise<pg.Client> {
    const fresh = new pg.Client(config);
    fresh.on("error", () => {}); // "end" follows and handles it
    fresh.on("notification", (message) => onMessage(message.payload ?? ""));
    try {
      await fresh.connect();
      await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      void fresh.end().catch(() => {});
      throw error;
    }
    return fresh;
  }

  async function holdWhileAlive(current: pg.Client): Promise<void> {
    const ended = new Promise<"ended">((resolve) => current.once("end", () => resolve("ended")));
    for (;;) {
      const pause = sleep(HEARTBEAT_MS, "beat" as const, { signal: stop.signal, ref: false }).catch(
        () => "ended" as const,
      );
      if ((await Promise.race([ended, pause])) === "ended") return;
      const answer = current.query("select 1").then(
        () => true,
        () => false,
      );
      const silence = sleep(HEARTBEAT_TIMEOUT_MS, false, { signal: stop.signal, ref: false }).catch(() => false);
      if (!(await Promise.race([answer, silence]))) return;
    }
  }

  async function keepListening(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        client = await connect();
        onGap(); // Notifications from before the subscription are lost.
        await holdWhileAlive(client);
      } catch {
        // unreachable: the loop tries again
      } finally {
        void client?.end().catch(() => {});
        client = undefined;
      }
      await sleep(RECONNECT_MS, undefined, { signal: stop.signal, ref: false }).catch(() => {});
    }
  }

  const running = keepListening();
  return async () => {
    stop.abort();
    await running;
  };
}
