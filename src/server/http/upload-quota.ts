/** Limit of the bytes that one key may send at the same time. Bodies and frames are in memory until they are parsed. */

import type { IncomingMessage } from "node:http";
import { TaskError } from "../../protocol/index.ts";
import { UNAUTHENTICATED_BYTES } from "./unauthenticated.ts";

export interface UploadQuota {
  /**
   * Counts the body of a request until the returned function is called. Small bodies do not count, and one body is
   * always accepted.
   * @param sender the owner, or the address of a caller whose key is in the body
   * @throws TaskError `quotaExceeded` if the sender exceeds its limit
   */
  begin(sender: string, request: IncomingMessage): () => void;
  /** Counts the bytes that a WebSocket holds. */
  openSocket(): SocketUploads;
}

/** The part of its owner's quota that a WebSocket uses. */
export interface SocketUploads {
  /**
   * Sets the number of held bytes, and of the frames that they belong to. Returns undefined if they are within the quota, else the error
   * `quotaExceeded`. Small amounts do not count. A sender with nothing else in progress may hold one frame of any size.
   */
  hold(sender: string, bytes: number, frames: number): TaskError | undefined;
  end(): void;
}

/** Seconds to wait. A body takes seconds. */
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
        hold(sender, bytes, frames) {
          end();
          if (!(bytes > UNAUTHENTICATED_BYTES)) return undefined;
          const before = underWay.get(sender) ?? 0;
          held = { sender, bytes };
          add(sender, bytes);
          const isAlone = before === 0 && frames <= 1;
          return isAlone || before + bytes <= maxBytes ? undefined : exceeded(before || bytes);
        },
        end,
      };
    },
  };
}
