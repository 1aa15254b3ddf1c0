/** WebSockets byte by byte: what no client library would send. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawSocket {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** What has come in after the upgrade. */
  received(): string;
}

/** A WebSocket, with a key in its upgrade or without. */
export async function openSocket(base: string, key?: string): Promise<RawSocket> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const authorization = key === undefined ? "" : `Authorization: Bearer ${key}\r\n`;
  socket.write(
    `GET /v1 HTTP/1.1\r\nHost: localhost\r\n${authorization}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  await once(socket, "data");
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes;
  });
  return { socket, closed, received: () => text };
}

/** The beginning of a text frame of so many bytes, its mask of zeros included. */
export function frameHead(bytes: number): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  return Buffer.concat([Buffer.from([0x81, 0xff]), length, Buffer.alloc(4)]);
}

/** A whole text frame. */
export const frame = (text: string): Buffer => Buffer.concat([frameHead(Buffer.byteLength(text)), Buffer.from(text)]);
