/** Webhooks are signed as Standard Webhooks asks (standardwebhooks.com). */

import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";

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
