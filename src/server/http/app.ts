/** The fastify application: limits, routes and error replies. */

import { setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import websocket from "@fastify/websocket";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { errorItem, TaskError } from "../../protocol/index.ts";
import { createBodyParser } from "./body.ts";
import { bearerKey, identify } from "./caller.ts";
import { boundConnections } from "./connections.ts";
import { allowOrigins } from "./cross-origin.ts";
import { createWaiters } from "./hang-up.ts";
import { openAIRoutes } from "./openai/routes.ts";
import type { HttpPorts } from "./ports.ts";
import { asTaskError } from "./reply.ts";
import { openContext } from "./request-context.ts";
import { traceRequests } from "./request-traces.ts";
import { docsRoutes } from "./routes/docs.ts";
import { eventRoute } from "./routes/events.ts";
import { imageRoute } from "./routes/images.ts";
import { modelRoutes } from "./routes/models.ts";
import { operationRoutes } from "./routes/operation.ts";
import { pageRoutes } from "./routes/page.ts";
import { PICTURE_EXPECTED, pictureRoutes } from "./routes/pictures.ts";
import { statusRoute } from "./routes/status.ts";
import { taskRoutes } from "./routes/task.ts";
import { taskListRoutes } from "./routes/task-list.ts";
import { sendFailure, taskRoute } from "./routes/tasks.ts";
import { guardBody } from "./unauthenticated.ts";
import { createUploadQuota } from "./upload-quota.ts";
import { socketRoute } from "./websocket/route.ts";

/**
 * Most bytes of headers and path. No parameter of a path can be longer, so fastify never rejects one and all 404
 * replies come from the catalogue.
 */
const MAX_HEADER_BYTES = 16 * 1024;

declare module "fastify" {
  interface FastifyRequest {
    /** Called when the body is no longer in memory, at the latest at the end of the reply. */
    received: (() => void) | null;
  }
}

/** Builds the application. The caller starts listening. */
export async function createApp(ports: HttpPorts): Promise<FastifyInstance> {
  const { settings, metrics, log } = ports;
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: settings.maxBodyBytes,
    requestTimeout: settings.requestTimeout * 1000,
    forceCloseConnections: "idle",
    // A path parameter may be as long as the headers allow.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_HEADER_BYTES },
    http: {
      headersTimeout: Math.min(settings.requestTimeout, 10) * 1000,
      // Interval of checks for slow requests.
      connectionsCheckingInterval: Math.min(settings.requestTimeout * 250, 5000),
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    clientErrorHandler: (thrown, socket) => answerBrokenRequest(thrown, socket, settings.requestTimeout),
  });
  boundConnections(app.server, settings.maxConnections);
  const traces = traceRequests(app, ports.tracer);
  const quota = createUploadQuota(settings.keyUploadMB * 1e6, settings.maxBodyBytes);
  const shared = { ports, waiters: createWaiters(), bodies: createBodyParser(settings.maxTasks), quota, traces };

  // The protocol parses tasks, because it keeps the digits of long integers. It does so after the caller is identified.
  // Other content types are rejected: a page of another site can send only those without a preflight request.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async ({ headers }) => {
    const encoding = headers["content-encoding"] ?? "identity";
    if (encoding !== "identity") throw new TaskError("unsupportedContentEncoding", { given: encoding.slice(0, 40) });
  });
  await allowOrigins(app, settings.allowedOrigins);
  app.decorateRequest("received", null);
  app.addHook("preParsing", async (request, reply, body) => {
    const { raw } = request;
    const guarded = await guardBody(ports.keys, raw, body);
    const caller = await identify(ports.keys, bearerKey(raw), raw).catch(() => undefined);
    request.received = quota.begin(caller?.owner ?? `at ${raw.socket.remoteAddress}`, raw);
    reply.raw.once("close", request.received);
    return guarded;
  });

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: TaskError) => {
    metrics.refused(error.code);
    const { documentation } = openContext(shared, request.raw);
    const owner = error.code.endsWith("ApiKey") ? { taskType: "authentication" } : {};
    return sendFailure(reply, [errorItem(error.body, owner, documentation)]);
  };
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const expected = request.routeOptions.url === "/v1/pictures" ? PICTURE_EXPECTED : JSON_EXPECTED;
    const error = requestError(thrown, settings.maxBodyBytes, expected);
    if (error.code === "internalServerError") log.error({ err: thrown, path: request.url }, "request failed");
    return refuse(request, reply, error);
  });
  app.setNotFoundHandler((request, reply) =>
    refuse(request, reply, new TaskError("notFound", { path: request.url.split("?")[0]!.slice(0, 100) })),
  );
  app.addHook("onResponse", async (request, reply) => {
    metrics.replied(request.routeOptions.url ?? "other", reply.statusCode, reply.elapsedTime / 1000);
  });

  await app.register(websocket, {
    options: { maxPayload: settings.maxBodyBytes, perMessageDeflate: false },
    preClose: (done) => {
      for (const client of app.websocketServer.clients) {
        client.close(1001, "the server is stopping");
        setTimeout(() => client.terminate(), CLOSING_MS).unref();
      }
      done();
    },
  });
  app.addHook("onClose", () => shared.bodies.close());
  endConnectionsOnClose(app, ports.stopping);
  operationRoutes(app, ports);
  if (settings.role === "worker") return app;
  taskRoute(app, shared);
  taskRoutes(app, shared);
  taskListRoutes(app, shared);
  eventRoute(app, shared);
  pictureRoutes(app, shared);
  statusRoute(app, ports);
  modelRoutes(app, ports);
  socketRoute(app, shared, await pageRoutes(app, ports.pageFolder));
  await docsRoutes(app, ports.docsFolder);
  imageRoute(app, ports);
  openAIRoutes(app, shared);
  return app;
}

/** Milliseconds for clients to close their connection when the server stops. */
const CLOSING_MS = 2000;

/** Closing waits for open connections. This closes idle keep-alive connections, which would delay it. */
function endConnectionsOnClose(app: FastifyInstance, stopping: AbortSignal): void {
  setMaxListeners(0, stopping);
  app.addHook("onSend", async (_request, reply) => {
    if (stopping.aborted) reply.header("connection", "close");
  });
  app.addHook("preClose", async () => {
    const idle = setInterval(() => app.server.closeIdleConnections(), 100);
    const all = setTimeout(() => app.server.closeAllConnections(), 2 * CLOSING_MS);
    app.server.once("close", () => {
      clearInterval(idle);
      clearTimeout(all);
    });
  });
}

const JSON_EXPECTED = "Send JSON, with the header 'Content-Type: application/json'.";

/** Converts a rejection of fastify to an error of the catalogue. */
function requestError(thrown: FastifyError, limit: number, expected: string): TaskError {
  if (thrown.code === "FST_ERR_CTP_BODY_TOO_LARGE") return new TaskError("requestTooLarge", { limit });
  if (thrown.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE" || thrown.code === "FST_ERR_CTP_EMPTY_TYPE") {
    return new TaskError("invalidRequest", { reason: expected });
  }
  const status = thrown.statusCode ?? 500;
  if (!(thrown instanceof TaskError) && status >= 400 && status < 500) {
    return new TaskError("invalidRequest", { reason: thrown.message }, {}, { cause: thrown });
  }
  return asTaskError(thrown);
}

/** Answers bytes that are not an HTTP request, or that came too slowly. Only the bare socket is available. */
function answerBrokenRequest(thrown: Error & { code?: string }, socket: Socket, seconds: number): void {
  if (thrown.code === "ECONNRESET" || socket.destroyed) return;
  const slow = thrown.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const error = slow
    ? new TaskError("requestTimeout", { seconds })
    : new TaskError("invalidRequest", { reason: "It is not HTTP." });
  const item = errorItem(error.body);
  const body = JSON.stringify({ errors: [item], error: item });
  const head = slow ? "408 Request Timeout" : "400 Bad Request";
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${head}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
