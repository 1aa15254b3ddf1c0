import { readFile } from "node:fs/promises";

/** The largest of each that was seen, in bytes. */
export interface Peak {
  readonly anonymous: number;
  readonly resident: number;
}

/** Looks at a process from outside, since it computes without answering. From Linux' /proc. */
export function watchMemory(pid: number): { stop(): Promise<Peak> } {
  let peak: Peak = { anonymous: 0, resident: 0 };
  const look = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    const anonymous = 1024 * kilobytes("RssAnon");
    const resident = anonymous + 1024 * (kilobytes("RssFile") + kilobytes("RssShmem"));
    peak = { anonymous: Math.max(peak.anonymous, anonymous), resident: Math.max(peak.resident, resident) };
  };
  const timer = setInterval(look, 50);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return peak;
    },
  };
}

/** Bytes that a process has read from disk so far, pages of mapped files included. From Linux' /proc. */
export async function readBytes(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, "utf8").catch(() => "");
  return Number(/^read_bytes: (\d+)/m.exec(io)?.[1] ?? 0);
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
