/** `GET /v1/status`: the state of the server, as a caller may see it. */

import { networkInterfaces } from "node:os";
import type { FastifyInstance } from "fastify";
import type { StatusReply } from "../../../protocol/index.ts";
import { version } from "../../../version.ts";
import { bearerKey, identify } from "../caller.ts";
import type { HttpPorts, HttpSettings } from "../ports.ts";
import { sendJson } from "./pictures.ts";

export function statusRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.get("/v1/status", async ({ raw }, reply) => {
    const { owner, keyName } = await identify(ports.keys, bearerKey(raw), raw);
    const [{ ready, reason, full = false }, { queued, running }, totals, freeBytes, [model]] = await Promise.all([
      ports.readiness(),
      ports.tasks.counts(),
      ports.gallery.totals(owner),
      ports.freeBytes(),
      ports.inMemory(),
    ]);
    const { maxQueue: limit, maxTasks, maxBodyBytes } = ports.settings;
    const status: StatusReply = {
      version,
      ready,
      reason,
      device: ports.device(),
      model,
      caller: { name: keyName },
      queue: { waiting: queued, running, limit },
      storage: { ...totals, freeBytes, full },
      addresses: addressesOf(ports.settings, raw.socket.localPort ?? 0),
      limits: { maxTasks, maxBodyBytes },
    };
    return sendJson(reply, status);
  });
}

const LOOPBACK = /^(localhost|127\..*|::1)$/;
const EVERYWHERE = /^(0\.0\.0\.0|::)$/;

/** The addresses at which other machines reach a server that listens on `host`. */
function addressesOf({ publicUrl, host }: HttpSettings, port: number): string[] {
  if (publicUrl !== undefined) return [publicUrl];
  if (host === undefined || LOOPBACK.test(host)) return [];
  const named = EVERYWHERE.test(host)
    ? Object.values(networkInterfaces())
        .flatMap((all) => all ?? [])
        .filter(({ family, internal }) => family === "IPv4" && !internal)
        .map(({ address }) => address)
    : [host];
  return named.map((name) => `http://${name.includes(":") ? `[${name}]` : name}:${port}`);
}
