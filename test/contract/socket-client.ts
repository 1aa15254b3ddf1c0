/** A WebSocket that remembers its frames. */

import { replyBody } from "../../src/protocol/index.ts";
import { KEY } from "./memory-app.ts";

// biome-ignore lint/suspicious/noExplicitAny: frames are whatever the server sent
export type Frame = any;

export interface SocketClient {
  readonly socket: WebSocket;
  readonly frames: readonly Frame[];
  send(...tasks: object[]): void;
  /** The next frame that has not been taken yet. */
  next(): Promise<Frame>;
  readonly closed: Promise<{ readonly code: number }>;
}

/** Opens a socket; does not authenticate. */
export async function connect(url: string): Promise<SocketClient> {
  const socket = new WebSocket(url);
  const frames: Frame[] = [];
  const waiting: Array<(frame: Frame) => void> = [];
  let taken = 0;
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data));
    replyBody.parse(frame);
    frames.push(frame);
    const waiter = waiting.shift();
    if (waiter !== undefined) {
      taken++;
      waiter(frame);
    }
  });
  const closed = new Promise<{ code: number }>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve({ code }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`cannot connect to ${url}`)));
  });
  return {
    socket,
    frames,
    closed,
    send: (...tasks) => socket.send(JSON.stringify(tasks)),
    next: () =>
      taken < frames.length ? Promise.resolve(frames[taken++]) : new Promise((resolve) => waiting.push(resolve)),
  };
}

/** Opens a socket and authenticates. */
export async function login(url: string, changes: object = {}): Promise<SocketClient & { readonly session: string }> {
  const client = await connect(url);
  client.send({ taskType: "authentication", apiKey: KEY, ...changes });
  const { data } = await client.next();
  return { ...client, session: data[0].connectionSessionUUID };
}
