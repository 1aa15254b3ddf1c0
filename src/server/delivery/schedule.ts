import type { DeliveryKind } from "../tasks/index.ts";

const MINUTE = 60;
const HOUR = 3600;

/** Seconds before each further attempt: eleven attempts over 29 hours, the first four within a minute. */
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

/** The longest accepted `Retry-After`. */
const MAX_RETRY_AFTER = 24 * HOUR;

/** The action after an unsuccessful attempt. */
export type Next = { readonly retryInSeconds: number } | "give up";

export interface Attempt {
  readonly kind: DeliveryKind;
  /** Number of attempts, including this one. */
  readonly attempts: number;
  /** The status of the answer; absent without an answer. */
  readonly status?: number;
  /** The `Retry-After` of the answer, in seconds. */
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
 * True if a status ends the attempts. A webhook receiver may recover, so only 410 Gone is final. An upload address is
 * signed for one request, so a rejection is final unless it means that the server is busy.
 */
function isFinal(kind: DeliveryKind, status: number): boolean {
  if (kind === "webhook") return status === 410;
  return status >= 300 && status < 500 && ![408, 425, 429].includes(status);
}

/** The seconds of a `Retry-After` header, which is a number or a date. 0 without a header. */
export function readRetryAfter(header: string | undefined, now: Date): number {
  if (header === undefined) return 0;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
