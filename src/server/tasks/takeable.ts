/** Conditions in SQL: which processes live, and which queued tasks a worker may claim. */

/**
 * Condition on a row of `processes`: it is alive. The upkeep counts its heartbeats, and each process records the count at its own
 * heartbeat. A process that is four counts behind is gone. A clock would not do. After PostgreSQL's clock is set forward,
 * every process would look gone. A worker without a task's model would then fail that task. Processes of older versions record no count.
 */
export const LIVES = (process: string): string =>
  `coalesce(${process}.beat > (select last_value from upkeeper_beats) - 4, ${process}.seen_at > now() - interval '20 seconds')`;

/**
 * Condition on a task `t`: a worker with these offers may claim it. It has all that the task names, or no live worker
 * has; it then fails the task with that reason.
 */
export const takeable = (offers: string): string => `
  (${offers}::text[] is null or t.needs <@ ${offers}::text[] or not exists (
    select 1 from processes p where ${LIVES("p")} and t.needs <@ p.offers))`;

/**
 * Condition on a queued task `t`: its pause is over. Pauses take seconds. A longer one means that the clock was set
 * back.
 */
export const DUE = "(t.not_before <= now() or t.not_before > now() + interval '1 minute')";

/**
 * Condition on a queued task `t`: it is older than the time a woken worker needs to claim it. A worker has just been
 * woken for a younger task, so searching for it would waste a claim.
 */
export const LEFT = "(t.created_at < now() - interval '100 milliseconds' or t.created_at > now())";
