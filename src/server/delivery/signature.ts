import { Webhook } from "standardwebhooks";

/**
 * The headers of Standard Webhooks (standardwebhooks.com): the id stays the same over retries, the time is of this
 * attempt, and there is one signature per secret, so that a secret can be changed without a gap.
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
