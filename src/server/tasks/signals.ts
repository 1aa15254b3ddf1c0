import { randomUUID } from "node:crypto";
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

/** Bytes of one message; PostgreSQL carries less than 8,000. A longer signal (a preview, mostly) goes in several. */
const LONGEST_MESSAGE = 7_900;
/** Of such a message, what is not its head. */
const LONGEST_PART = 7_800;
/** Signals whose other messages have not come yet; more than these have been lost. */
const MOST_INCOMPLETE = 100;

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
          joinMessages((text) => {
            const { from, ...signal } = JSON.parse(text) as TaskSignal & { from: string };
            if (from !== processName) emitter.emit("signal", signal);
          }),
          () => emitter.emit("signal", { type: "gap" } satisfies TaskSignal),
        );

  return {
    publish(signal) {
      emitter.emit("signal", signal);
      if (!shouldTellOthers(signal)) return;
      const messages = messagesOf(JSON.stringify({ from: processName, ...signal }));
      // One statement, so that they come together. A hint: polling finds what it told.
      db.query("select pg_notify($1, message) from unnest($2::text[]) message", [CHANNEL, messages]).catch(() => {});
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

/** A text as messages that PostgreSQL carries: `{…}` itself, or its base64 in parts that begin with `NAME PART PARTS `. */
export function messagesOf(text: string): readonly string[] {
  if (Buffer.byteLength(text) <= LONGEST_MESSAGE) return [text];
  const packed = Buffer.from(text).toString("base64");
  const parts = Math.ceil(packed.length / LONGEST_PART);
  const name = randomUUID();
  return Array.from(
    { length: parts },
    (_, i) => `${name} ${i} ${parts} ${packed.slice(i * LONGEST_PART, (i + 1) * LONGEST_PART)}`,
  );
}

/** Takes messages as they come and hands on whole texts. */
export function joinMessages(take: (text: string) => void): (message: string) => void {
  const incomplete = new Map<string, string[]>();
  return (message) => {
    if (message.startsWith("{")) return take(message);
    const [, name, part, parts, packed] = /^(\S+) (\d+) (\d+) (\S*)$/.exec(message) ?? [];
    if (name === undefined) return;
    const found = incomplete.get(name) ?? [];
    incomplete.set(name, found);
    found[Number(part)] = packed!;
    if (Object.keys(found).length === Number(parts)) {
      incomplete.delete(name);
      take(Buffer.from(found.join(""), "base64").toString());
    }
    const [oldest] = incomplete.keys();
    if (incomplete.size > MOST_INCOMPLETE) incomplete.delete(oldest!);
  };
}
