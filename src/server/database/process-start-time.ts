import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** When a process started, as an opaque string; undefined when the system does not say. */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
      // The command's name may hold blanks and brackets: count fields after the last one. Field 22 is the start time.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return `${boot.trim()}:${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  if (process.platform === "darwin") {
    return new Promise((resolve) => {
      execFile("ps", ["-o", "lstart=", "-p", String(pid)], (error, stdout) =>
        resolve(error ? undefined : stdout.trim()),
      );
    });
  }
  return undefined;
}
