import { EventEmitter } from "node:events";
import type { Database } from "../database/index.ts";
import type { Lane, OwnerId, TaskPreview, TaskProgress } from "./types.ts";

/** A hint that something happened to a task. The rows are the truth; a lost signal costs time, never a task. */
export type TaskSignal =
  | { readonly type: "queued"; readonly lane: Lane }
  | { readonly type: "started"; readonly id: string; readonly attempt: number }
  /** A picture finished, put back, or (`ended`) final: read the row. */
  | { readonly type: "changed"; readonly id: string; readonly ended?: boolean }
  | { readonly type: "cancelled"; readonly id: string }
  /** A webhook call or an upload has become due. */
  | { readonly type: "owed" }
  | { readonly type: "progress"; readonly id: string; readonly progress: TaskProgress }
  | { readonly type: "preview"; readonly id: string; readonly preview: TaskPreview }
  /** Somebody wants previews of this owner's pictures; holds for `PREVIEWS_WANTED_MS`. */
  | { readonly type: "previewsWanted"; readonly owner: OwnerId }
  /** Signals of other processes may have been missed. */
  | { readonly type: "gap" };

/** Carries signals at once within this process, and over NOTIFY to others when the database is shared. */
export interface TaskSignals {
  publish(signal: TaskSignal): void;
  listen(listener: (signal: TaskSignal) => void): () => void;
  close(): Promise<void>;
}

/** A wish for previews is over after so long, unless it is repeated. */
export const PREVIEWS_WANTED_MS = 30_000;

/** PostgreSQL carries no longer messages; a preview that is larger is not told to other processes. */
const LONGEST_MESSAGE = 7_900;

const CHANNEL = "inkstone_tasks";
/** Steps of other processes' tasks are told at most this often; within the process every step is. */
const REMOTE_PROGRESS_MS = 500;

export interface SignalsOptions {
  readonly db: Database;
  /** Names this process, so that it does not hear itself twice. */
  readonly processName: string;
  readonly now?: () => number;
}

/** Opens the signals of this process; subscribes to other processes' when the database is PostgreSQL. */
export async function openSignals({ db, processName, now = Date.now }: SignalsOptions): Promise<TaskSignals> {
  const emitter = new EventEmitter().setMaxListeners(0);
  const told = new Map<string, number>();
  let closed = false;

  function shouldTellOthers(signal: TaskSignal): boolean {
    if (db.kind === "pglite" || closed || signal.type === "gap") return false;
    if (signal.type !== "progress") {
      if (signal.type === "changed") told.delete(signal.id);
      return true;
    }
    if (now() - (told.get(signal.id) ?? Number.NEGATIVE_INFINITY) < REMOTE_PROGRESS_MS) return false;
    told.set(signal.id, now());
    return true;
  }

  const stop =
    db.kind === "pglite"
      ? async () => {}
      : await db.listen(
          CHANNEL,
          (payload) => {
            const { from, ...signal } = JSON.parse(payload) as TaskSignal & { from: string };
            if (from !== processName) emitter.emit("signal", signal);
          },
          () => emitter.emit("signal", { type: "gap" } satisfies TaskSignal),
        );

  return {
    publish(signal) {
      emitter.emit("signal", signal);
      if (!shouldTellOthers(signal)) return;
      const payload = JSON.stringify({ from: processName, ...signal });
      if (payload.length > LONGEST_MESSAGE) return;
      db.query("select pg_notify($1, $2)", [CHANNEL, payload]).catch(() => {}); // a hint: polling finds what it told
    },
    listen(listener) {
      emitter.on("signal", listener);
      return () => emitter.off("signal", listener);
    },
    async close() {
      closed = true;
      emitter.removeAllListeners();
      await stop();
    },
  };
}
