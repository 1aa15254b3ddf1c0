/** The address of the server: an address and a port, or a Unix socket. */

import { chmod, lstat, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Config } from "../settings/index.ts";
import { listenError, StartError } from "./start-error.ts";

/** A proxy of the same group may connect. Other users may not. */
const SOCKET_MODE = 0o660;

type Place = Pick<Config, "host" | "port" | "publicUrl" | "role">;

/** The path of the socket in `unix:/path`; undefined for an address. */
function socketPath({ host }: Place): string | undefined {
  return host.startsWith("unix:") ? host.slice("unix:".length) : undefined;
}

/** True if only programs on this machine can connect. */
export const isThisMachine = ({ host }: Place): boolean => /^(localhost|127\.[\d.]+|::1|unix:.*)$/i.test(host);

/** Throws a StartError for a socket without a public address, because image URLs would not work. */
export function requirePublicUrl(place: Place): void {
  const path = socketPath(place);
  if (path === undefined || place.publicUrl !== undefined || place.role === "worker") return;
  throw new StartError(
    `INKSTONE_HOST is a Unix socket, ${path}: set INKSTONE_PUBLIC_URL to the address at which clients reach the server through the proxy`,
  );
}

/**
 * Starts to listen. Resolves with the address: `http://127.0.0.1:7437`, or `unix:/path`. Rejects with a StartError that
 * suggests a solution.
 */
export async function listen(app: FastifyInstance, place: Place): Promise<string> {
  const path = socketPath(place);
  try {
    if (path === undefined) return await app.listen({ host: place.host, port: place.port });
    await removeStale(path);
    await app.listen({ path });
    await chmod(path, SOCKET_MODE);
    return `unix:${path}`;
  } catch (error) {
    throw listenError(error, { ...place, path });
  }
}

/** Removes the socket of a killed server. Any other file stays. */
async function removeStale(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined);
  if (!facts?.isSocket()) return;
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.on("error", () => resolve(false)).once("connect", () => socket.destroy());
  });
  if (!answers) await rm(path, { force: true });
}
