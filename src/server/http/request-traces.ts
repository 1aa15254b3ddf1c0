/** A span for each request of the API, if traces are collected. */

import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Span, Tracer } from "../tracing/index.ts";

export interface RequestTraces {
  /**
   * The `traceparent` for the work of a request: that of its span, else that of the client. Undefined if traces are not
   * collected.
   */
  of(request: IncomingMessage): string | undefined;
}

export function traceRequests(app: FastifyInstance, tracer: Tracer | undefined): RequestTraces {
  if (tracer === undefined) return { of: () => undefined };
  const spans = new WeakMap<IncomingMessage, Span>();
  app.addHook("onRequest", async ({ raw, method, routeOptions: { url } }) => {
    // A socket stays open, so its tasks are traced one by one.
    if (url === undefined || !url.startsWith("/v1") || raw.headers.upgrade !== undefined) return;
    const attributes = { "http.request.method": method, "http.route": url };
    spans.set(raw, tracer.begin(`${method} ${url}`, { parent: sent(raw), kind: "server", attributes }));
  });
  app.addHook("onResponse", async ({ raw }, { statusCode }) => {
    const failed = statusCode >= 500 ? `answered with ${statusCode}` : undefined;
    spans.get(raw)?.end(failed, { "http.response.status_code": statusCode });
  });
  return { of: (request) => spans.get(request)?.traceparent ?? sent(request) };
}

const sent = ({ headers: { traceparent } }: IncomingMessage) =>
  typeof traceparent === "string" ? traceparent : undefined;
