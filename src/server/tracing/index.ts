export { openTracing, type Tracing } from "./open.ts";
export { type Span, type Tracer, tellPast, traced } from "./tracer.ts";
