import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Terminal, tell } from "./terminal.ts";

/**
 * Reports a state to systemd, for units of `Type=notify`. Does nothing if systemd does not request it. Node does not
 * support the datagram sockets that systemd listens on, so the program `systemd-notify` sends the report
 * (`NotifyAccess=all` in the unit).
 */
export async function reportToSystemd(
  state: "READY=1" | "STOPPING=1",
  terminal: Pick<Terminal, "env" | "stderr">,
): Promise<void> {
  if (!terminal.env.NOTIFY_SOCKET) return;
  try {
    await promisify(execFile)("systemd-notify", [`--pid=${process.pid}`, state], { env: terminal.env });
  } catch (error) {
    tell(terminal, `systemd waits for ${state}, but systemd-notify cannot send it: ${(error as Error).message}`);
  }
}
