/** Traces of tasks, from the request over the queue and the worker into the engine, and on to what is delivered. */

/** What is known of a span, under OpenTelemetry's names where it has some. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Something that took time. */
export interface Span {
  /** W3C's `traceparent` of what happens because of it, in this process or another one. */
  readonly traceparent: string;
  /** Ends it, for what went wrong if something did. */
  end(error?: unknown, attributes?: Attributes): void;
}

export interface SpanOptions {
  /** `traceparent` of what it belongs to. Default: a trace of its own. */
  readonly parent?: string | undefined;
  /** Default: `internal`. */
  readonly kind?: "internal" | "server" | "client" | "consumer";
  /** Default: now. */
  readonly startedAt?: Date;
  readonly attributes?: Attributes;
}

/** Absent where nobody collects traces: then none of it costs anything. */
export interface Tracer {
  begin(name: string, options?: SpanOptions): Span;
}

/** What took so many seconds up to now. */
export function tellPast(tracer: Tracer | undefined, name: string, seconds: number, options: SpanOptions): void {
  tracer?.begin(name, { ...options, startedAt: new Date(Date.now() - 1000 * seconds) }).end();
}

/** Does work in a span. */
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
