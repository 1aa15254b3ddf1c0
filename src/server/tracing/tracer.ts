/** Traces of tasks: from the request through the queue and the worker into the engine, and to deliveries. */

/** Attributes of a span. They use OpenTelemetry's names if it defines some. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An operation with a duration. */
export interface Span {
  /** The W3C `traceparent` for child spans, in this process or another one. */
  readonly traceparent: string;
  /** Ends the span, with an error if the operation failed. */
  end(error?: unknown, attributes?: Attributes): void;
}

export interface SpanOptions {
  /** The `traceparent` of the parent. Default: a new trace. */
  readonly parent?: string | undefined;
  /** Default: `internal`. */
  readonly kind?: "internal" | "server" | "client" | "consumer";
  /** Default: now. */
  readonly startedAt?: Date;
  readonly attributes?: Attributes;
}

/** Absent if traces are not collected: tracing then costs nothing. */
export interface Tracer {
  begin(name: string, options?: SpanOptions): Span;
}

/** Records a span that ends now and took this number of seconds. */
export function tellPast(tracer: Tracer | undefined, name: string, seconds: number, options: SpanOptions): void {
  tracer?.begin(name, { ...options, startedAt: new Date(Date.now() - 1000 * seconds) }).end();
}

/** Runs work in a span. */
export async function traced<T>(
  tracer: Tracer | undefined,
  name: string,
  options: SpanOptions,
  work: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const span = tracer?.begin(name, options);
  try {
    const result = await work(span?.traceparent);
    span?.end();
    return result;
  } catch (error) {
    span?.end(error);
    throw error;
  }
}
