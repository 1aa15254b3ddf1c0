import type { Database } from "../database/index.ts";
import type { Log } from "../log.ts";
import { type Outbound, OutboundError } from "../net/index.ts";
import { findTask, type TaskSignals } from "../tasks/index.ts";
import { type Tracer, traced } from "../tracing/index.ts";
import { composeMessage, type DeliverySources, type MessageOptions } from "./message.ts";
import {
  type DueDelivery,
  nextDue,
  postponeDelivery,
  returnAllDeliveries,
  returnDelivery,
  settleDelivery,
  takeDue,
} from "./outbox.ts";
import { nextAttempt, readRetryAfter } from "./schedule.ts";

export interface DelivererOptions extends Partial<MessageOptions> {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly outbound: Outbound;
  readonly sources: DeliverySources;
  readonly log: Pick<Log, "info" | "warn">;
  readonly tracer?: Tracer | undefined;
  readonly random?: () => number;
  readonly now?: () => Date;
  /** Parallel attempts: in total, per owner, and per owner and host. A slow receiver delays only its owner. */
  readonly concurrency?: number;
  readonly perOwner?: number;
  readonly perHost?: number;
  readonly timeoutMs?: { readonly webhook: number; readonly upload: number };
  /** Shortest interval between two checks in milliseconds. Default: a second. */
  readonly pollMs?: number;
}

/** The process that sends the deliveries in the outbox. */
export interface Deliverer {
  /** Ends the running attempts. They are repeated after the next start. */
  stop(): Promise<void>;
}

/**
 * The difference between the lease of an attempt and the timeout of its request: time to compose the request and to
 * record the result.
 */
const LEASE_MARGIN_SECONDS = 60;

/** Deliveries of another process that were not announced are found after at most this multiple of `pollMs`. */
const LONGEST_POLLS = 30;

/** Bytes of an answer's body to read. Only the beginning is useful. */
const ANSWER_BYTES = 2_048;

/** Starts the delivery of webhooks and uploads: when a result is recorded, or when a further attempt is due. */
export function startDeliverer(options: DelivererOptions): Deliverer {
  const { db, signals, outbound, sources, log, random = Math.random, now = () => new Date() } = options;
  const {
    concurrency = 32,
    perOwner = 8,
    perHost = 4,
    timeoutMs = { webhook: 20_000, upload: 120_000 },
    pollMs = 1_000,
  } = options;
  const { webhookBody = "wrapped", webhookSecrets = [] } = options;
  const message = { webhookBody, webhookSecrets };
  const stopping = new AbortController();
  const leaseSeconds = Math.max(timeoutMs.webhook, timeoutMs.upload) / 1000 + LEASE_MARGIN_SECONDS;
  /** Running attempts by delivery id, with their owner and host. */
  const underWay = new Map<
    string,
    { readonly owner: string; readonly host: string; readonly attempt: Promise<void> }
  >();
  let timer: NodeJS.Timeout | undefined;
  let filling: Promise<void> | undefined;
  let again = false;
  // An embedded database has only one process. Deliveries that are still marked as running were cut off when the last
  // process ended.
  const tidied = db.kind === "pglite" ? returnAllDeliveries(db) : Promise.resolve();
  tidied.catch(() => {}); // the first fill reports it

  /** Starts attempts until no slot is free or nothing is due. Schedules the next run. */
  async function fill(): Promise<void> {
    await tidied;
    while (!stopping.signal.aborted && underWay.size < concurrency) {
      const due = await takeDue(db, { leaseSeconds, ...busy(), underWay: [...underWay.keys()] });
      if (!due) return comeBack((await nextDue(db)) ?? Number.POSITIVE_INFINITY);
      const attempt = deliver(due)
        .catch((error) => log.warn({ delivery: due.id, error }, "a delivery attempt could not be recorded"))
        .finally(() => {
          underWay.delete(due.id);
          wake();
        });
      underWay.set(due.id, { owner: due.owner, host: due.url.split("/")[2] ?? "", attempt });
    }
  }

  function comeBack(seconds: number): void {
    clearTimeout(timer);
    if (stopping.signal.aborted) return;
    timer = setTimeout(wake, Math.min(Math.max(seconds * 1000, pollMs), LONGEST_POLLS * pollMs)).unref();
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    if (filling) {
      again = true;
      return;
    }
    filling = fill()
      .catch((error) => {
        log.warn({ error }, "the outbox cannot be read");
        comeBack(0);
      })
      .finally(() => {
        filling = undefined;
        if (again) {
          again = false;
          wake();
        }
      });
  }

  /** Owners and hosts that cannot start another attempt now. */
  function busy() {
    const all = [...underWay.values()];
    const full = (names: readonly string[], limit: number) => {
      const counts = new Map<string, number>();
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
      return [...counts].filter(([, count]) => count >= limit).map(([name]) => name);
    };
    return {
      busyOwners: full(
        all.map(({ owner }) => owner),
        perOwner,
      ),
      busyHosts: full(
        all.map(({ owner, host }) => `${owner} ${host}`),
        perHost,
      ),
    };
  }

  async function deliver(due: DueDelivery): Promise<void> {
    const facts = { taskUUID: due.taskUUID, delivery: due.id, kind: due.kind, attempt: due.attempts };
    const outcome = await attempt(due);
    if (outcome === "stopped") return returnDelivery(db, due.id);
    if (outcome === "delivered") {
      log.info(facts, "delivered");
      return settleDelivery(db, due.id, undefined);
    }
    const next = nextAttempt({ kind: due.kind, attempts: due.attempts, ...outcome }, random);
    log.warn({ ...facts, error: outcome.error, next }, "a delivery failed");
    if (next === "give up" || outcome.impossible) return settleDelivery(db, due.id, outcome.error);
    return postponeDelivery(db, due.id, next.retryInSeconds, outcome.error);
  }

  async function attempt(due: DueDelivery): Promise<"delivered" | "stopped" | Refusal> {
    try {
      const task = await findTask(db, due.owner, due.taskUUID);
      const composed = await composeMessage(due, task?.record, sources, message, now());
      if ("impossible" in composed) return { error: composed.impossible, impossible: true };
      const about = {
        parent: task?.record.trace,
        kind: "client",
        attributes: { "inkstone.delivery.attempt": due.attempts },
      } as const;
      const answer = await traced(options.tracer, `deliver ${due.kind}`, about, (traceparent) =>
        outbound.request({
          ...composed,
          // An upload goes to a signed address of a store, which has no trace to continue.
          headers: { ...composed.headers, ...(due.kind === "webhook" && traceparent && { traceparent }) },
          timeoutMs: timeoutMs[due.kind],
          maxBytes: ANSWER_BYTES,
          overflow: "cut",
          signal: stopping.signal,
        }),
      );
      if (answer.status >= 200 && answer.status < 300) return "delivered";
      const retryAfterSeconds = readRetryAfter(answer.headers["retry-after"], now());
      return { error: `The receiver answered with status ${answer.status}.`, status: answer.status, retryAfterSeconds };
    } catch (error) {
      if (stopping.signal.aborted) return "stopped";
      const impossible = error instanceof OutboundError && error.kind === "invalidUrl";
      return { error: (error as Error).message, ...(impossible && { impossible }) };
    }
  }

  const unlisten = signals.listen((signal) => {
    if (signal.type === "owed" || signal.type === "gap") wake();
  });
  wake();

  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      unlisten();
      await filling;
      await Promise.allSettled([...underWay.values()].map(({ attempt }) => attempt));
    },
  };
}

interface Refusal {
  readonly error: string;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** Set if no further attempt can succeed. */
  readonly impossible?: boolean;
}
