import { createHash, randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { UploadStage } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import type { Lane, OwnerId, TaskPreview, TaskProgress } from "./types.ts";

/** A hint about an event. The rows are the truth: a lost signal costs time, never a task. */
export type TaskSignal =
  /** A task is waiting for an idle worker of this lane: for this worker, or for any of the process. */
  | { readonly type: "queued"; readonly lane: Lane; readonly seat?: number }
  /** An owner that the receiver follows has submitted a task. */
  | { readonly type: "submitted"; readonly owner: OwnerId }
  | { readonly type: "started"; readonly id: string; readonly attempt: number }
  /** An image is finished, or the task was returned or is final (`ended`): read the row. */
  | { readonly type: "changed"; readonly id: string; readonly ended?: boolean }
  | { readonly type: "cancelled"; readonly id: string }
  /**
   * Images of an owner that the receiver follows were added or changed, or are no longer listed (`gone`). Not sent for
   * results of tasks.
   */
  | {
      readonly type: "pictures";
      readonly owner: OwnerId;
      readonly imageUUIDs: readonly string[];
      readonly gone: boolean;
    }
  /** The models of a process have changed. */
  | { readonly type: "models" }
  /** A webhook call or an upload is due. */
  | { readonly type: "owed" }
  | { readonly type: "progress"; readonly id: string; readonly progress: TaskProgress }
  | { readonly type: "preview"; readonly id: string; readonly preview: TaskPreview }
  /** To the worker of a task: this process waits for its end, or watches every step (`all`). */
  | { readonly type: "listened"; readonly id: string; readonly by: string; readonly all: boolean }
  /** Signals of other processes may have been lost. */
  | { readonly type: "gap" };

/** Carries signals within this process, and over NOTIFY to other processes that need them. */
export interface TaskSignals {
  /** The name of this process. */
  readonly processName: string;
  /** Notifies this process, and over NOTIFY the processes in `to`. */
  publish(signal: TaskSignal, to?: readonly string[]): void;
  listen(listener: (signal: TaskSignal) => void): () => void;
  close(): Promise<void>;
}

/** Most bytes of one message; PostgreSQL carries less than 8,000. A longer signal, usually a preview, is split. */
const LONGEST_MESSAGE = 7_900;
/** Most bytes of a part, without its head. */
const LONGEST_PART = 7_800;
/** Most incomplete signals. Older ones are lost. */
const MOST_INCOMPLETE = 100;

/**
 * The channel of a process; `CHANNEL_OF` is the same in SQL. NOTIFY reaches every process that listens on a channel, so
 * each process has a separate one.
 */
const channelOf = (processName: string): string => `inkstone_${createHash("md5").update(processName).digest("hex")}`;

/** The channel of the process whose name an SQL expression gives. */
export const CHANNEL_OF = (name: string): string => `'inkstone_' || md5(${name})`;

/**
 * Shortest interval between steps that are reported to other processes. Each stage of an upload is reported, and within
 * the process every step.
 */
const REMOTE_PROGRESS_MS = 500;

export interface SignalsOptions {
  readonly db: Database;
  /** The name of this process, as others address it. */
  readonly processName: string;
  readonly now?: () => number;
}

/** Opens the signals of this process. With PostgreSQL, also receives those of other processes. */
export async function openSignals({
  db,
  processName,
  now = () => performance.now(),
}: SignalsOptions): Promise<TaskSignals> {
  const emitter = new EventEmitter().setMaxListeners(0);
  const told = new Map<string, { readonly at: number; readonly stage: UploadStage | undefined }>();
  let waiting: { readonly channel: string; readonly message: string }[] = [];
  let sending = false;
  let closed = false;

  function isTooSoon(signal: TaskSignal): boolean {
    if (signal.type === "changed" && signal.ended) told.delete(signal.id);
    if (signal.type !== "progress") return false;
    const stage = "stage" in signal.progress ? signal.progress.stage : undefined;
    const last = told.get(signal.id);
    if (last !== undefined && last.stage === stage && now() - last.at < REMOTE_PROGRESS_MS) return true;
    told.set(signal.id, { at: now(), stage });
    return false;
  }

  /**
   * Sends waiting signals. Signals that arrive meanwhile share the next statement. Signals are hints: polling finds the
   * same changes.
   */
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

/**
 * Splits a text into messages that PostgreSQL carries: the text `{…}` itself, or its base64 in parts that begin with
 * `NAME PART PARTS `.
 */
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

/** Joins messages and passes on complete texts. */
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
