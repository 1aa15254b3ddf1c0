/** Access for pages of other origins (CORS). They send a key as Bearer; there are no cookies. */

import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";
import { isLoopbackOrigin } from "./caller.ts";

/** Seconds for which a browser caches the preflight reply. */
const REMEMBERED = 600;

/** Answers preflight requests: allows `/v1` for pages of loopback and of `allowed` origins. */
export async function allowOrigins(app: FastifyInstance, allowed: readonly string[]): Promise<void> {
  const mayCall = (origin: string | undefined) =>
    origin !== undefined && (isLoopbackOrigin(origin) || allowed.includes(origin));
  await app.register(cors, {
    delegator: ({ url = "", headers }, done) => {
      const open = /^\/v1(?=[/?]|$)/.test(url) && mayCall(headers.origin);
      done(null, {
        origin: open ? headers.origin! : false,
        methods: ["GET", "POST", "PATCH", "DELETE"],
        allowedHeaders: ["Authorization", "Content-Type", "X-Runware-Dry-Run", "X-SDK-Name", "X-SDK-Version"],
        exposedHeaders: ["Retry-After"],
        maxAge: REMEMBERED,
      });
    },
  });
}
