import type { DeliveryKind } from "../tasks/index.ts";

const MINUTE = 60;
const HOUR = 3600;

/** Pauses in seconds before each further attempt: eleven attempts over 29 hours, the first four within a minute. */
export const PAUSES: readonly number[] = [
  2,
  8,
  40,
  5 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
];

/** The longest wait that a receiver may ask for. */
const MAX_RETRY_AFTER = 24 * HOUR;

/** What to do after an attempt that did not succeed. */
export type Next = { readonly retryInSeconds: number } | "give up";

export interface Attempt {
  readonly kind: DeliveryKind;
  /** Attempts made, this one included. */
  readonly attempts: number;
  /** The answer's status; absent when there was no answer. */
  readonly status?: number;
  /** The answer's `Retry-After`, in seconds. */
  readonly retryAfterSeconds?: number;
}

/** `random` in [0, 1) spreads the attempts: up to a fifth later. */
export function nextAttempt({ kind, attempts, status, retryAfterSeconds = 0 }: Attempt, random: () => number): Next {
  if (status !== undefined && isFinal(kind, status)) return "give up";
  const pause = PAUSES[attempts - 1];
  if (pause === undefined) return "give up";
  return { retryInSeconds: Math.max(pause * (1 + random() / 5), Math.min(retryAfterSeconds, MAX_RETRY_AFTER)) };
}

/**
 * A webhook receiver may be repaired, so only 410 Gone ends it. An upload's address is signed for one request: what it
 * refuses now it refuses always, unless it says that it is busy.
 */
function isFinal(kind: DeliveryKind, status: number): boolean {
  if (kind === "webhook") return status === 410;
  return status >= 300 && status < 500 && ![408, 425, 429].includes(status);
}

/** Seconds that a `Retry-After` header asks for: a number, or a date. 0 when there is none. */
export function readRetryAfter(header: string | undefined, now: Date): number {
  if (header === undefined) return 0;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
