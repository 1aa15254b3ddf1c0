import type { Tracer as OpenTelemetryTracer, SpanContext, SpanKind } from "@opentelemetry/api";
import { ConfigError } from "../../settings/index.ts";
import { version } from "../../version.ts";
import type { Attributes, Span, Tracer } from "./tracer.ts";

type Api = typeof import("@opentelemetry/api");

export interface Tracing {
  readonly tracer: Tracer;
  /** Sends waiting spans. */
  close(): Promise<void>;
}

const PACKAGES = "@opentelemetry/sdk-trace-node @opentelemetry/resources @opentelemetry/exporter-trace-otlp-http";

/**
 * Traces, if OpenTelemetry's variables request them. Uses the provider that the surrounding program has registered, or
 * creates one. Otherwise returns undefined and loads nothing.
 * @throws ConfigError for unsupported variables, and for packages that are not installed
 */
export async function openTracing(env: NodeJS.ProcessEnv): Promise<Tracing | undefined> {
  const exporter = exporterOf(env);
  if (exporter === undefined) return undefined;
  const api = await import("@opentelemetry/api");
  if (hasProvider(api))
    return { tracer: tracerWith(api, api.trace.getTracer("inkstone", version)), close: async () => {} };
  const provider = await ownProvider(exporter, env).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new ConfigError(
      `OTEL_… variables request traces, but the packages are not installed: npm install ${PACKAGES}`,
    );
  });
  return {
    tracer: tracerWith(api, provider.getTracer("inkstone", version)),
    close: () => provider.shutdown().catch(() => {}), // an unreachable collector delays nothing
  };
}

/** The receiver of traces. */
function exporterOf(env: NodeJS.ProcessEnv): "otlp" | "console" | undefined {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === "true") return undefined;
  const { OTEL_TRACES_EXPORTER: named, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = env;
  if (!named) return (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? OTEL_EXPORTER_OTLP_ENDPOINT) ? checked(env) : undefined;
  if (named === "none") return undefined;
  if (named === "console") return named;
  if (named === "otlp") return checked(env);
  throw new ConfigError(`OTEL_TRACES_EXPORTER is "${named}"; it must be otlp, console or none`);
}

function checked(env: NodeJS.ProcessEnv): "otlp" {
  for (const name of ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    const protocol = env[name];
    if (protocol && protocol !== "http/json") throw new ConfigError(`${name} is "${protocol}"; it must be http/json`);
  }
  return "otlp";
}

/** True if the surrounding program has registered a provider. */
function hasProvider({ trace, isSpanContextValid }: Api): boolean {
  const span = trace.getTracer("inkstone").startSpan("probe");
  const isReal = isSpanContextValid(span.spanContext());
  if (isReal) span.end();
  return isReal;
}

/** A provider that follows OpenTelemetry's variables: name and attributes of the service, sampling, batches, target. */
async function ownProvider(exporter: "otlp" | "console", env: NodeJS.ProcessEnv) {
  const { BatchSpanProcessor, ConsoleSpanExporter, NodeTracerProvider } = await import("@opentelemetry/sdk-trace-node");
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = await import(
    "@opentelemetry/resources"
  );
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  const ours = resourceFromAttributes({ "service.name": "inkstone", "service.version": version });
  const said = detectResources({ detectors: [envDetector] });
  const named = env.OTEL_SERVICE_NAME ? resourceFromAttributes({ "service.name": env.OTEL_SERVICE_NAME }) : undefined;
  return new NodeTracerProvider({
    resource: defaultResource()
      .merge(ours)
      .merge(said)
      .merge(named ?? null),
    spanProcessors: [new BatchSpanProcessor(exporter === "otlp" ? new OTLPTraceExporter() : new ConsoleSpanExporter())],
  });
}

function tracerWith(api: Api, tracer: OpenTelemetryTracer): Tracer {
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api;
  const kinds = {
    internal: SpanKind.INTERNAL,
    server: SpanKind.SERVER,
    client: SpanKind.CLIENT,
    consumer: SpanKind.CONSUMER,
  } satisfies Record<string, SpanKind>;
  return {
    begin(name, { parent, kind = "internal", startedAt, attributes } = {}): Span {
      const context = contextOf(parent);
      const inside = context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
      const span = tracer.startSpan(
        name,
        { kind: kinds[kind], startTime: startedAt, attributes: given(attributes) },
        inside,
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
        end(error, more) {
          span.setAttributes(given(more) ?? {});
          if (error !== undefined) {
            const message = error instanceof Error ? error.message : String(error);
            span.setStatus({ code: SpanStatusCode.ERROR, message });
          }
          span.end();
        },
      };
    },
  };
}

const given = (attributes: Attributes | undefined) =>
  attributes && Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

/** W3C Trace Context, level 1; of later versions the first four fields. Undefined for an invalid `traceparent`. */
function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(traceparent ?? "") ?? [];
  if (version === undefined || version === "ff" || /^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined;
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
}
