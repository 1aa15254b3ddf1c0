/** How much a key may be sending at the same time: bodies are held in memory until they are parsed. */

import type { IncomingMessage } from "node:http";
import { TaskError } from "../../protocol/index.ts";
import { UNAUTHENTICATED_BYTES } from "./unauthenticated.ts";

export interface UploadQuota {
  /**
   * Counts the body of a request until the returned function is called. Small ones count nothing; one body is always taken.
   * @param sender the owner, or the address of a caller whose key is in the body
   * @throws TaskError `quotaExceeded` when the sender has too much under way
   */
  begin(sender: string, request: IncomingMessage): () => void;
}

/** Bodies go by in seconds. */
const RETRY_SECONDS = 2;

export function createUploadQuota(maxBytes: number, maxBodyBytes: number): UploadQuota {
  const underWay = new Map<string, number>();
  return {
    begin(sender, { headers }) {
      const isOpenEnded = headers["transfer-encoding"] !== undefined;
      const bytes = isOpenEnded ? maxBodyBytes : Number(headers["content-length"] ?? 0);
      if (!(bytes > UNAUTHENTICATED_BYTES)) return () => {};
      const before = underWay.get(sender) ?? 0;
      if (before > 0 && before + bytes > maxBytes) {
        const reason = `is sending ${Math.ceil(before / 1e6)} MB already and may send ${Math.floor(maxBytes / 1e6)} at the same time.`;
        throw new TaskError("quotaExceeded", { reason, seconds: RETRY_SECONDS }, { retryAfter: RETRY_SECONDS });
      }
      underWay.set(sender, before + bytes);
      let isCounted = true;
      return () => {
        if (!isCounted) return;
        isCounted = false;
        const left = underWay.get(sender)! - bytes;
        if (left > 0) underWay.set(sender, left);
        else underWay.delete(sender);
      };
    },
  };
}
