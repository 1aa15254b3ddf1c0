import type { PictureProgress } from "../drawing/index.ts";
import { createBar } from "./bar.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Shows the progress of generation: a bar on a terminal, otherwise a line per second. */
export interface Progress {
  step(at: PictureProgress): void;
  /** Removes the bar, so that other lines can be written. */
  end(): void;
}

/** @param now a monotonic clock in milliseconds */
export function createProgress(
  terminal: Terminal,
  count: number,
  now: () => number = () => performance.now(),
): Progress {
  const measure = stepClock(now);
  const show = terminal.stderr.isTTY ? barOn(terminal) : linesOn(terminal, now);
  return {
    step(at) {
      const done = at.image + at.share;
      const { steps, pictures } = measure(done);
      show.step({ ...at, count, done, rate: steps, left: pictures > 0 ? (count - done) / pictures : 0 });
    },
    end: () => show.end(),
  };
}

interface Standing extends PictureProgress {
  /** Number of images. */
  readonly count: number;
  /** Finished images, plus the share of the current one. */
  readonly done: number;
  /** Steps per second, over the last few steps. */
  readonly rate: number;
  /** Seconds until the last step of the last image. */
  readonly left: number;
}

/** Steps and images per second over the last eight steps. The first rates count from the start of generation. */
function stepClock(now: () => number): (done: number) => { steps: number; pictures: number } {
  const seen: { done: number; at: number }[] = [{ done: 0, at: now() }];
  return (done) => {
    seen.push({ done, at: now() });
    if (seen.length > 9) seen.shift();
    const [first, last] = [seen[0]!, seen.at(-1)!];
    const seconds = (last.at - first.at) / 1000;
    return seconds > 0
      ? { steps: (seen.length - 1) / seconds, pictures: (last.done - first.done) / seconds }
      : { steps: 0, pictures: 0 };
  };
}

/** Returns the labels, most important first. */
function describe({ image, count, step, steps, rate, left }: Standing): string[] {
  const which = count > 1 ? [`image ${image + 1}/${count}`] : [];
  return [...which, `step ${step}/${steps}`, `${duration(left)} left`, `${rate.toFixed(2)} it/s`];
}

/** `9.5 s`, `2:05 min`, `1:00:00 h`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)} h`;
}

function barOn(terminal: Terminal) {
  const bar = createBar(terminal, 1000); // every step updates the bar
  return {
    step: (standing: Standing) => bar.show(standing.done / standing.count, describe(standing)),
    end: bar.end,
  };
}

function linesOn(terminal: Terminal, now: () => number) {
  let last = now();
  return {
    step(standing: Standing) {
      if (standing.share < 1 && now() - last < 1000) return;
      last = now();
      tell(terminal, describe(standing).join(", "));
    },
    end() {},
  };
}
