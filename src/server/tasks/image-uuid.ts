import { createHash } from "node:crypto";

/**
 * The imageUUID of picture `index` of a task: drawn from the task's salt, so that a repeated attempt writes the same file
 * again instead of leaving an orphan. Has the form of a UUID v4, as clients expect.
 */
export function imageUUID(salt: string, index: number): string {
  const bytes = createHash("sha256").update(`${salt}:${index}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
