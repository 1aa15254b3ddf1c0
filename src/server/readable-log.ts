import { styleText } from "node:util";

/** Facts that every line has, or that the sentence already contains. */
const APART = new Set(["level", "time", "msg", "err", "error", "reason"]);

/** pino's level of warnings. Higher levels are errors. */
const WARNING = 40;
const ERROR = 50;

/** The banner of `inkstone serve` contains this line too. */
const LISTENING = "listening";

/** Formats lines of the JSON log as text: the time, the sentence, then the facts. */
export function readableLog(out: NodeJS.WritableStream): { write(line: string): void } {
  return {
    write(line) {
      const facts = JSON.parse(line) as Record<string, unknown> & { level: number; time: number; msg: string };
      if (facts.msg !== LISTENING) out.write(`${sentence(facts, out)}\n`);
    },
  };
}

function sentence(
  facts: Readonly<Record<string, unknown>> & { level: number; time: number; msg: string },
  out: NodeJS.WritableStream,
): string {
  const { level, time, msg } = facts;
  const colour = (name: "red" | "yellow" | "dim", text: string) =>
    styleText(name, text, { stream: out as NodeJS.WriteStream });
  const mark = level >= ERROR ? colour("red", "error: ") : level >= WARNING ? colour("yellow", "warning: ") : "";
  const reason = facts.reason ?? messageOf(facts.err) ?? messageOf(facts.error);
  const others = Object.entries(facts).filter(([name, value]) => !APART.has(name) && value !== undefined);
  const said = others.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [
    colour("dim", new Date(time).toTimeString().slice(0, 8)),
    `${mark}${msg}${reason === undefined ? "" : `: ${reason}`}`,
    ...(said.length > 0 ? [colour("dim", said.join(" "))] : []),
  ].join(" ");
}

const messageOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "message" in error ? error.message : error;
