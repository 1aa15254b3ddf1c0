import { SingleBar } from "cli-progress";
import type { StepEvent } from "../engine/index.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Shows how far a drawing is: a bar on a terminal, a line a second elsewhere. */
export interface Progress {
  step(event: Pick<StepEvent, "image" | "step" | "steps">): void;
  /** Takes the bar away, so that other lines can be written. */
  end(): void;
}

/** @param now milliseconds from any start, growing */
export function createProgress(
  terminal: Terminal,
  count: number,
  now: () => number = () => performance.now(),
): Progress {
  const clock = stepClock(now);
  const show = terminal.stderr.isTTY ? barOn(terminal) : linesOn(terminal, now);
  let [current, before, last] = [0, 0, 0]; // the picture, steps done before it, steps done of it
  return {
    step({ image, step, steps }) {
      // Not image · steps: a picture has more steps once faces are found in it.
      if (image !== current) [current, before] = [image, before + last];
      last = step;
      const rate = clock(before + step);
      const left = rate > 0 ? (count * steps - image * steps - step) / rate : 0;
      show.step({ picture: image + 1, count, step, steps, rate, left });
    },
    end: () => show.end(),
  };
}

interface Standing {
  readonly picture: number;
  readonly count: number;
  readonly step: number;
  readonly steps: number;
  /** Steps per second over the last few. */
  readonly rate: number;
  /** Seconds until the last picture's last step. */
  readonly left: number;
}

/** Steps per second over the last eight reports; the first is measured from the start of the drawing. */
function stepClock(now: () => number): (done: number) => number {
  const seen: { done: number; at: number }[] = [{ done: 0, at: now() }];
  return (done) => {
    seen.push({ done, at: now() });
    if (seen.length > 9) seen.shift();
    const first = seen[0]!;
    const seconds = (seen.at(-1)!.at - first.at) / 1000;
    return seconds > 0 ? (done - first.done) / seconds : 0;
  };
}

function describe({ picture, count, step, steps, rate, left }: Standing): string {
  const which = count > 1 ? `picture ${picture}/${count}, ` : "";
  return `${which}step ${step}/${steps}, ${rate.toFixed(2)} it/s, ${duration(left)} left`;
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
  const bar = new SingleBar({
    format: "{bar} {text}",
    stream: terminal.stderr as NodeJS.WritableStream,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    // The drawing computes on this thread: timers would fire late, so each step draws the bar itself.
    fps: 1000,
    synchronousUpdate: true,
  });
  let started = false;
  return {
    step(standing: Standing) {
      const total = standing.count * standing.steps;
      const done = (standing.picture - 1) * standing.steps + standing.step;
      const payload = { text: describe(standing) };
      if (started) {
        bar.setTotal(total);
        bar.update(done, payload);
      } else bar.start(total, done, payload);
      started = true;
    },
    end() {
      if (started) bar.stop();
      started = false;
    },
  };
}

function linesOn(terminal: Terminal, now: () => number) {
  let last = now();
  return {
    step(standing: Standing) {
      if (standing.step < standing.steps && now() - last < 1000) return;
      last = now();
      tell(terminal, describe(standing));
    },
    end() {},
  };
}
