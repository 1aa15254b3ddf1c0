import { createHash, randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Database } from "../database/index.ts";
import type { Lane, OwnerId, TaskPreview, TaskProgress } from "./types.ts";

/** A hint that something happened to a task. The rows are the truth; a lost signal costs time, never a task. */
export type TaskSignal =
  /** There is a task for a worker that waits in this lane: for this one, or for any of the process. */
  | { readonly type: "queued"; readonly lane: Lane; readonly seat?: number }
  /** An owner whom the hearer follows has handed in a task. */
  | { readonly type: "submitted"; readonly owner: OwnerId }
  | { readonly type: "started"; readonly id: string; readonly attempt: number }
  /** A picture finished, put back, or (`ended`) final: read the row. */
  | { readonly type: "changed"; readonly id: string; readonly ended?: boolean }
  | { readonly type: "cancelled"; readonly id: string }
  /** Pictures of an owner whom the hearer follows have come or changed, or (`gone`) are listed no more; not by a task. */
  | {
      readonly type: "pictures";
      readonly owner: OwnerId;
      readonly imageUUIDs: readonly string[];
      readonly gone: boolean;
    }
  /** A webhook call or an upload has become due. */
  | { readonly type: "owed" }
  | { readonly type: "progress"; readonly id: string; readonly progress: TaskProgress }
  | { readonly type: "preview"; readonly id: string; readonly preview: TaskPreview }
  /** To the worker that runs a task: this process waits for its end, or (`all`) watches every step. */
  | { readonly type: "listened"; readonly id: string; readonly by: string; readonly all: boolean }
  /** Signals of other processes may have been missed. */
  | { readonly type: "gap" };

/** Carries signals at once within this process, and over NOTIFY to those others that want them. */
export interface TaskSignals {
  /** Names this process to others. */
  readonly processName: string;
  /** Tells this process, and by NOTIFY the others that are named. */
  publish(signal: TaskSignal, to?: readonly string[]): void;
  listen(listener: (signal: TaskSignal) => void): () => void;
  close(): Promise<void>;
}

/** Bytes of one message; PostgreSQL carries less than 8,000. A longer signal (a preview, mostly) goes in several. */
const LONGEST_MESSAGE = 7_900;
/** Of such a message, what is not its head. */
const LONGEST_PART = 7_800;
/** Signals whose other messages have not come yet; more than these have been lost. */
const MOST_INCOMPLETE = 100;

/** Where a process hears; `CHANNEL_OF` says the same in SQL. NOTIFY reaches every process that listens on a channel: each has its own. */
const channelOf = (processName: string): string => `inkstone_${createHash("md5").update(processName).digest("hex")}`;

/** The channel of the process whose name an SQL expression gives. */
export const CHANNEL_OF = (name: string): string => `'inkstone_' || md5(${name})`;

/** Steps of other processes' tasks are told at most this often; within the process every step is. */
const REMOTE_PROGRESS_MS = 500;

export interface SignalsOptions {
  readonly db: Database;
  /** Names this process, as others address it. */
  readonly processName: string;
  readonly now?: () => number;
}

/** Opens the signals of this process; hears other processes when the database is PostgreSQL. */
export async function openSignals({
  db,
  processName,
  now = () => performance.now(),
}: SignalsOptions): Promise<TaskSignals> {
  const emitter = new EventEmitter().setMaxListeners(0);
  const told = new Map<string, number>();
  let waiting: { readonly channel: string; readonly message: string }[] = [];
  let sending = false;
  let closed = false;

  function isTooSoon(signal: TaskSignal): boolean {
    if (signal.type === "changed" && signal.ended) told.delete(signal.id);
    if (signal.type !== "progress") return false;
    if (now() - (told.get(signal.id) ?? Number.NEGATIVE_INFINITY) < REMOTE_PROGRESS_MS) return true;
    told.set(signal.id, now());
    return false;
  }

  /** Sends what waits; what comes meanwhile goes together in the next statement. A hint: polling finds what it told. */
  async function send(): Promise<void> {
    if (sending) return;
    sending = true;
    while (waiting.length > 0 && !closed) {
      const batch = waiting;
      waiting = [];
      await db
        .query("select pg_notify(channel, message) from unnest($1::text[], $2::text[]) as told (channel, message)", [
          batch.map(({ channel }) => channel),
          batch.map(({ message }) => message),
        ])
        .catch(() => {});
    }
    sending = false;
  }

  const stop =
    db.kind === "pglite"
      ? async () => {}
      : await db.listen(
          channelOf(processName),
          joinMessages((text) => emitter.emit("signal", JSON.parse(text) as TaskSignal)),
          () => emitter.emit("signal", { type: "gap" } satisfies TaskSignal),
        );

  return {
    processName,
    publish(signal, to = []) {
      emitter.emit("signal", signal);
      const others = to.filter((name) => name !== processName);
      if (db.kind === "pglite" || closed || others.length === 0 || isTooSoon(signal)) return;
      const messages = messagesOf(JSON.stringify(signal));
      for (const name of others) {
        waiting.push(...messages.map((message) => ({ channel: channelOf(name), message })));
      }
      void send();
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
