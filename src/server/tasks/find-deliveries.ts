import type { Queryable } from "../database/index.ts";
import type { DeliveryRecord, OwnerId } from "./types.ts";

/** The webhook calls and uploads of a task, oldest first. */
export async function findDeliveries(
  db: Queryable,
  owner: OwnerId,
  taskUUID: string,
): Promise<readonly DeliveryRecord[]> {
  const rows = await db.query<DeliveryRow>(
    `select kind, url, image_uuid, state, attempts, last_error, next_attempt_at from deliveries
     where owner = $1 and task_uuid = $2 order by id`,
    [owner, taskUUID],
  );
  return rows.map((row) => ({
    kind: row.kind,
    target: withoutSecrets(row.url),
    ...(row.image_uuid !== null && { imageUUID: row.image_uuid }),
    state: row.state,
    attempts: row.attempts,
    ...(row.last_error !== null && { lastError: row.last_error }),
    ...(row.state === "pending" && { nextAttemptAt: row.next_attempt_at }),
  }));
}

/** Presigned addresses carry their secret in the query, others in the user part. */
function withoutSecrets(address: string): string {
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

interface DeliveryRow {
  kind: DeliveryRecord["kind"];
  url: string;
  image_uuid: string | null;
  state: DeliveryRecord["state"];
  attempts: number;
  last_error: string | null;
  next_attempt_at: Date;
}
