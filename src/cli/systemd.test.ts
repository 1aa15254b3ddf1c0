import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reportToSystemd } from "./systemd.ts";

/** Prints the first datagram that reaches a socket, as systemd would receive it. */
const LISTENER = `
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("bound", flush=True)
print(listener.recv(4096).decode(), flush=True)
listener.recv(4096)
`;

const isInstalled = (program: string) => {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

test.skipIf(!isInstalled("systemd-notify") || !isInstalled("python3"))(
  "systemd receives the state and its sender",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "inkstone-systemd-"));
    const socket = join(folder, "notify");
    const listener = spawn("python3", ["-c", LISTENER, socket], { stdio: ["ignore", "pipe", "inherit"] });
    let heard = "";
    listener.stdout.on("data", (chunk) => (heard += chunk));
    const ended = once(listener, "exit");
    await expect.poll(() => heard, { timeout: 30_000 }).toBe("bound\n");
    const said: string[] = [];
    await reportToSystemd("READY=1", {
      env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket },
      stderr: { write: (text: string) => said.push(text) } as never,
    });
    await ended;
    expect(heard).toBe(`bound\nMAINPID=${process.pid}\nREADY=1\n`);
    expect(said).toEqual([]);
    await rm(folder, { recursive: true });
  },
);

test("without systemd nothing runs; if its program is missing, the log gives the reason", async () => {
  const said: string[] = [];
  const stderr = { write: (text: string) => said.push(text) } as never;
  await reportToSystemd("READY=1", { env: { PATH: "/nowhere" }, stderr });
  expect(said).toEqual([]);
  await reportToSystemd("READY=1", { env: { PATH: "/nowhere", NOTIFY_SOCKET: "/nowhere" }, stderr });
  expect(said.join("")).toMatch(/^systemd waits for READY=1, but systemd-notify cannot send it: .*ENOENT/);
});
