import type { ChildProcess, Serializable } from "node:child_process";

/** Sends a message to a child; one that is gone, or never came, tells so by its exit or error event. */
export function sendTo(child: ChildProcess, message: Serializable): void {
  if (child.connected) child.send(message, () => {});
}

/** Kills a child that owns no files and no connections, so that there is nothing to tidy up; resolves when it is gone. */
export async function endChild(child: ChildProcess): Promise<void> {
  // One that could not be started has no id, and a signal to it would go to our own process group.
  if (child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
