import type { Queryable } from "../database/index.ts";
import type { DeliveryKind, OwnerId } from "../tasks/index.ts";

/** A delivery that is due. */
export interface DueDelivery {
  readonly id: string;
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly messageId: string;
  readonly kind: DeliveryKind;
  readonly url: string;
  /** Absent for the webhook of a failed task. */
  readonly imageUUID?: string;
  /** Number of attempts, including the next one. */
  readonly attempts: number;
}

export interface TakeOptions {
  /** If the process dies during the attempt, the delivery is due again after this time. */
  readonly leaseSeconds: number;
  /** Owners that have reached their limit of parallel deliveries. */
  readonly busyOwners: readonly string[];
  /** `owner host`: hosts at the limit of parallel deliveries of that owner. */
  readonly busyHosts: readonly string[];
  /** Ids of the deliveries that this process is sending, for any length of time. */
  readonly underWay: readonly string[];
}

/**
 * Takes the delivery that has been due longest and may be sent now; undefined if there is none. A last attempt in the
 * future means that the clock was set back, so the delivery is due.
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

/** Seconds until the next attempt of any delivery: 0 if one is due, undefined if none is pending. */
export async function nextDue(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ seconds: number | null }>(
    `select extract(epoch from greatest(min(next_attempt_at), now()) - now())::float8 as seconds
     from deliveries where state = 'pending' having count(*) > 0`,
  );
  return row?.seconds ?? undefined;
}

/** Marks a delivery as done, or as failed with a reason. */
export async function settleDelivery(db: Queryable, id: string, error: string | undefined): Promise<void> {
  await db.query(
    `update deliveries set state = case when $2::text is null then 'delivered' else 'failed' end,
                           last_error = $2, finished_at = now(), taken = false
     where id = $1 and state = 'pending'`,
    [id, error ?? null],
  );
}

/** Postpones a delivery, with a reason. */
export async function postponeDelivery(db: Queryable, id: string, seconds: number, error: string): Promise<void> {
  await db.query(
    `update deliveries set attempted_at = now(), next_attempt_at = now() + make_interval(secs => $2), last_error = $3, taken = false
     where id = $1 and state = 'pending'`,
    [id, seconds, error],
  );
}

/** Undoes an attempt that the end of the server cut short. */
export async function returnDelivery(db: Queryable, id: string): Promise<void> {
  await db.query(
    "update deliveries set attempts = attempts - 1, next_attempt_at = now(), taken = false where id = $1 and state = 'pending'",
    [id],
  );
}

/** Makes all running attempts due again, when the only process of the database starts. */
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
