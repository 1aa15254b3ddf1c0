import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { Item } from "../support/server-process.ts";

/** Checks pictures as they are delivered: each is there, in its order, and the same seed has the same bytes whichever process drew it. */
export function sameBytes(): (items: readonly Item[], firstSeed: number) => Promise<void> {
  const hashes = new Map<number, string>();
  return async (items, firstSeed) => {
    for (const [index, item] of items.entries()) {
      expect(item).toMatchObject({ status: "success", seed: firstSeed + index });
      const bytes = new Uint8Array(await (await fetch(item.imageURL!)).arrayBuffer());
      const hash = createHash("sha256").update(bytes).digest("hex");
      expect(hashes.get(item.seed!) ?? hash, `bytes of seed ${item.seed}`).toBe(hash);
      hashes.set(item.seed!, hash);
    }
  };
}
