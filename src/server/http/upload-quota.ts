/** How much a key may be sending at the same time: bodies and frames are held in memory until they are parsed. */

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
  /** Counts what a WebSocket holds. */
  openSocket(): SocketUploads;
}

/** What a WebSocket holds of its owner's quota. */
export interface SocketUploads {
  /**
   * It holds so many bytes now. Undefined: they fit; what is small counts nothing, and a sender with nothing else under way may hold as
   * much as one frame may have. Else the error `quotaExceeded`.
   */
  hold(sender: string, bytes: number): TaskError | undefined;
  end(): void;
}

/** Bodies go by in seconds. */
const RETRY_SECONDS = 2;

export function createUploadQuota(maxBytes: number, maxBodyBytes: number): UploadQuota {
  const underWay = new Map<string, number>();

  const add = (sender: string, bytes: number) => {
    const left = (underWay.get(sender) ?? 0) + bytes;
    if (left > 0) underWay.set(sender, left);
    else underWay.delete(sender);
  };
  const exceeded = (before: number) => {
    const reason = `is sending ${Math.ceil(before / 1e6)} MB already and may send ${Math.floor(maxBytes / 1e6)} at the same time.`;
    return new TaskError("quotaExceeded", { reason, seconds: RETRY_SECONDS }, { retryAfter: RETRY_SECONDS });
  };
  const hasRoom = (before: number, bytes: number) => before === 0 || before + bytes <= maxBytes;

  return {
    begin(sender, { headers }) {
      const isOpenEnded = headers["transfer-encoding"] !== undefined;
      const bytes = isOpenEnded ? maxBodyBytes : Number(headers["content-length"] ?? 0);
      if (!(bytes > UNAUTHENTICATED_BYTES)) return () => {};
      const before = underWay.get(sender) ?? 0;
      if (!hasRoom(before, bytes)) throw exceeded(before);
      add(sender, bytes);
      let isCounted = true;
      return () => {
        if (isCounted) add(sender, -bytes);
        isCounted = false;
      };
    },
    openSocket() {
      let held: { readonly sender: string; readonly bytes: number } | undefined;
      const end = () => {
        if (held) add(held.sender, -held.bytes);
        held = undefined;
      };
      return {
        hold(sender, bytes) {
          end();
          if (!(bytes > UNAUTHENTICATED_BYTES)) return undefined;
          const before = underWay.get(sender) ?? 0;
          held = { sender, bytes };
          add(sender, bytes);
          return hasRoom(before, bytes) ? undefined : exceeded(before);
        },
        end,
      };
    },
  };
}
