import { Square } from "lucide";
import { secondsLeft } from "../state/pace.ts";
import { isUnfinished, stop, type Work } from "../state/work.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";

/** Progress of a task: step and remaining time, or its place in the queue; and the *Stop* button. */
export function WorkLine({ works }: { readonly works: readonly Work[] }) {
  const t = words.value;
  const open = works.filter(isUnfinished);
  const share =
    works.reduce((sum, work) => sum + (isUnfinished(work) ? (work.progress?.percentage ?? 0) : 100), 0) / works.length;
  return (
    <div class="work-line">
      <div
        class="work-bar"
        role="progressbar"
        aria-label={t.progress}
        aria-valuenow={Math.round(share)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <div class="work-bar-done" style={{ width: `${share}%` }} />
      </div>
      <span class="work-text numbers">{sentence(open)}</span>
      <Button
        icon={Square}
        label={t.stop}
        shortcut="Ctrl+."
        onPress={() => open.forEach(({ taskUUID }) => void stop(taskUUID))}
      >
        {t.stop}
      </Button>
    </div>
  );
}

function sentence(open: readonly Work[]): string {
  const t = words.value;
  const running = open.find(({ state }) => state === "running");
  if (running === undefined) {
    const before = Math.min(...open.map(({ queuePosition = 0 }) => queuePosition));
    return before === 0 ? t.startsNext : t.queuedBehind(before);
  }
  const { progress } = running;
  if (progress === undefined) return t.starting;
  const left = secondsLeft(running, progress);
  const picture = progress.images > 1 ? `${t.pictureOfPictures(progress.image + 1, progress.images)} · ` : "";
  return `${picture}${t.stepOf(progress.step, progress.steps)}${left === undefined ? "" : ` · ${t.left(left)}`}`;
}
