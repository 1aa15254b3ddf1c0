export { openTracing, type Tracing } from "./open.ts";
export { type Attributes, type Span, type Tracer, tellPast, traced } from "./tracer.ts";
