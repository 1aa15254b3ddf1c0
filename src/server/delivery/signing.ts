/** Signatures of webhooks after the Standard Webhooks specification (standardwebhooks.com). */

import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import type { Database } from "../database/index.ts";

/** The secret that signs the webhooks of a data folder. Created once, readable by its owner only. */
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

/**
 * The secret that all servers on a database share: that of the first server. With the embedded database, that of the
 * folder.
 */
export async function sharedWebhookSecret(db: Database, folder: string): Promise<string> {
  const own = await webhookSecret(folder);
  if (db.kind === "pglite") return own;
  await db.query("insert into belongings (name, id) values ('webhook secret', $1) on conflict do nothing", [own]);
  const [row] = await db.query<{ id: string }>("select id from belongings where name = 'webhook secret'");
  return row!.id;
}

/**
 * The headers of a message. Its id is the same in all attempts, its time is that of the attempt. Each secret adds a
 * signature, so that you can change secrets without a gap.
 */
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
