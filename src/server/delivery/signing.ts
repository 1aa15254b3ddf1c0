/** Webhooks are signed as Standard Webhooks asks (standardwebhooks.com). */

import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import type { Database } from "../database/index.ts";

/** The secret that signs the webhooks of a data folder; made once, readable by its owner only. */
export async function webhookSecret(folder: string): Promise<string> {
  const path = join(folder, "webhook-secret");
  await mkdir(folder, { recursive: true });
  const fresh = `whsec_${randomBytes(32).toString("base64")}`;
  try {
    await writeFile(path, `${fresh}\n`, { flag: "wx", mode: 0o600 });
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return (await readFile(path, "utf8")).trim();
  }
}

/** The secret of all servers on a database: the first one's. With the embedded database it is the folder's. */
export async function sharedWebhookSecret(db: Database, folder: string): Promise<string> {
  const own = await webhookSecret(folder);
  if (db.kind === "pglite") return own;
  await db.query("insert into belongings (name, id) values ('webhook secret', $1) on conflict do nothing", [own]);
  const [row] = await db.query<{ id: string }>("select id from belongings where name = 'webhook secret'");
  return row!.id;
}

/** The headers of a message: its id stays the same over retries, the time is of this attempt, and there is one signature per secret, so that a secret can be changed without a gap. */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  time: Date,
  body: string,
): Readonly<Record<string, string>> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(time.getTime() / 1000)),
    ...(secrets.length > 0 && {
      "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, time, body)).join(" "),
    }),
  };
}
