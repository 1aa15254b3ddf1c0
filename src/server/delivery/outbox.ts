import type { Queryable } from "../database/index.ts";
import type { DeliveryKind, OwnerId } from "../tasks/index.ts";

/** A delivery whose time has come. */
export interface DueDelivery {
  readonly id: string;
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly messageId: string;
  readonly kind: DeliveryKind;
  readonly url: string;
  /** Absent for the webhook that tells of a failed task. */
  readonly imageUUID?: string;
  /** Attempts made, the one about to be made included. */
  readonly attempts: number;
}

export interface TakeOptions {
  /** If the process dies during the attempt, the delivery is due again after this. */
  readonly leaseSeconds: number;
  /** Owners that have as many deliveries under way as one may have. */
  readonly busyOwners: readonly string[];
  /** `owner host`: hosts that are busy with other deliveries of that owner. */
  readonly busyHosts: readonly string[];
  /** Ids of the deliveries that this process has in hand, however long that takes. */
  readonly underWay: readonly string[];
}

/**
 * Takes the delivery that is due longest, of those that may be sent now; undefined when there is none. One whose last attempt
 * lies in the future was put off before the clock was set back: it is due.
 */
export async function takeDue(
  db: Queryable,
  { leaseSeconds, busyOwners, busyHosts, underWay }: TakeOptions,
): Promise<DueDelivery | undefined> {
  const [row] = await db.query<DueRow>(
    `update deliveries set attempts = attempts + 1, taken = true, attempted_at = now(),
                           next_attempt_at = now() + make_interval(secs => $1)
     where id = (
       select id from deliveries
       where state = 'pending' and (next_attempt_at <= now() or attempted_at > now() + interval '1 minute')
         and owner || ' ' || split_part(url, '/', 3) <> all($2::text[])
         and id <> all($3::bigint[]) and owner <> all($4::text[])
       order by greatest(next_attempt_at, created_at), id limit 1 for update skip locked
     )
     returning id::text, owner, task_uuid, message_id, kind, url, image_uuid, attempts`,
    [leaseSeconds, busyHosts, underWay, busyOwners],
  );
  if (!row) return undefined;
  const { id, owner, task_uuid: taskUUID, message_id: messageId, kind, url, image_uuid: imageUUID, attempts } = row;
  return { id, owner, taskUUID, messageId, kind, url, attempts, ...(imageUUID !== null && { imageUUID }) };
}

/** Seconds until the next attempt of any delivery is due, 0 when one is; undefined when none is pending. */
export async function nextDue(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ seconds: number | null }>(
    `select extract(epoch from greatest(min(next_attempt_at), now()) - now())::float8 as seconds
     from deliveries where state = 'pending' having count(*) > 0`,
  );
  return row?.seconds ?? undefined;
}

/** Settles a delivery: done, or given up with the reason. */
export async function settleDelivery(db: Queryable, id: string, error: string | undefined): Promise<void> {
  await db.query(
    `update deliveries set state = case when $2::text is null then 'delivered' else 'failed' end,
                           last_error = $2, finished_at = now(), taken = false
     where id = $1 and state = 'pending'`,
    [id, error ?? null],
  );
}

/** Puts a delivery off, with the reason. */
export async function postponeDelivery(db: Queryable, id: string, seconds: number, error: string): Promise<void> {
  await db.query(
    `update deliveries set attempted_at = now(), next_attempt_at = now() + make_interval(secs => $2), last_error = $3, taken = false
     where id = $1 and state = 'pending'`,
    [id, seconds, error],
  );
}

/** Takes an attempt back that was cut short by the end of the server. */
export async function returnDelivery(db: Queryable, id: string): Promise<void> {
  await db.query(
    "update deliveries set attempts = attempts - 1, next_attempt_at = now(), taken = false where id = $1 and state = 'pending'",
    [id],
  );
}

/** Makes all attempts under way due again: for the start of the only process that has the database open. */
export async function returnAllDeliveries(db: Queryable): Promise<void> {
  await db.query("update deliveries set next_attempt_at = now(), taken = false where taken and state = 'pending'");
}

interface DueRow {
  id: string;
  owner: string;
  task_uuid: string;
  message_id: string;
  kind: DeliveryKind;
  url: string;
  image_uuid: string | null;
  attempts: number;
}
