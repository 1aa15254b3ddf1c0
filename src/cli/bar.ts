import { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.ts";

/** A progress bar on a terminal, updated in place. */
export interface Bar {
  /**
   * @param share the finished share, 0 … 1
   * @param parts labels beside the bar, most important first. A narrow terminal omits the last ones
   */
  show(share: number, parts: readonly string[]): void;
  /** Removes the bar, so that other lines can be written. */
  end(): void;
}

const WIDEST = 24;
/** Shorter bars are not readable. */
const NARROWEST = 6;

/**
 * @param fps most updates per second. The bar is updated explicitly, because the work blocks this thread and timers
 * would fire late
 */
export function createBar({ stderr }: Terminal, fps: number): Bar {
  const bar = new SingleBar({
    format: (_, __, { share, parts }) => barLine(share, parts, stderr.columns ?? 80),
    stream: stderr as NodeJS.WritableStream,
    hideCursor: true,
    clearOnComplete: true,
    fps,
    synchronousUpdate: true,
  });
  let started = false;
  return {
    show(share, parts) {
      if (started) bar.update(share, { share, parts });
      else bar.start(1, share, { share, parts });
      started = true;
    },
    end() {
      if (started) bar.stop();
      started = false;
    },
  };
}

/** A line of at most `columns - 1` characters: the last column would wrap on some terminals. */
function barLine(share: number, parts: readonly string[], columns: number): string {
  let said = parts;
  while (said.length > 1 && said.join(", ").length >= columns) said = said.slice(0, -1);
  const text = said.join(", ").slice(0, columns - 1);
  const room = Math.min(WIDEST, columns - text.length - 2);
  if (room < NARROWEST) return text;
  const done = Math.round(Math.min(1, share) * room);
  return `${"█".repeat(done)}${"░".repeat(room - done)} ${text}`;
}
