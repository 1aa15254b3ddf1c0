/** Where the server listens: an address and a port, or a Unix socket. */

import { chmod, lstat, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Config } from "../settings/index.ts";
import { listenError, StartError } from "./start-error.ts";

/** A proxy of the same group may connect; other users may not. */
const SOCKET_MODE = 0o660;

type Place = Pick<Config, "host" | "port" | "publicUrl" | "role">;

/** The path of the socket that `unix:/path` names; undefined for an address. */
function socketPath({ host }: Place): string | undefined {
  return host.startsWith("unix:") ? host.slice("unix:".length) : undefined;
}

/** Whether only programs on this machine can connect. */
export const isThisMachine = ({ host }: Place): boolean => /^(localhost|127\.[\d.]+|::1|unix:.*)$/i.test(host);

/** Throws a StartError for a socket without the address under which a proxy shows it: image URLs would lead nowhere. */
export function requirePublicUrl(place: Place): void {
  const path = socketPath(place);
  if (path === undefined || place.publicUrl !== undefined || place.role === "worker") return;
  throw new StartError(
    `INKSTONE_HOST is a Unix socket, ${path}, so INKSTONE_PUBLIC_URL has to name the address under which clients reach it through the proxy`,
  );
}

/** Listens. Resolves with the address: `http://127.0.0.1:7437`, or `unix:/path`. Rejects with a StartError that says what to do. */
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

/** Removes a socket that nobody listens on any more: its server was killed. Anything else stays. */
async function removeStale(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined);
  if (!facts?.isSocket()) return;
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.on("error", () => resolve(false)).once("connect", () => socket.destroy());
  });
  if (!answers) await rm(path, { force: true });
}
