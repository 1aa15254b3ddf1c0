import { X } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { go } from "../state/route.ts";
import { look } from "../state/stage.ts";
import { stop, stopWaiting, unfinished, type Work, waiting } from "../state/work.ts";
import { words } from "../text/index.ts";

/** Shows the number of tasks and opens their list. Hidden when no tasks exist. */
export function QueueButton() {
  const [open, setOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  const t = words.value;
  const works = unfinished.value;
  useEffect(() => {
    if (!open) return;
    const away = ({ target }: Event) => {
      if (!element.current?.contains(target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  if (works.length === 0) return null;
  const inOrder = works.toReversed();
  return (
    <div class="queue" ref={element}>
      <button type="button" class="queue-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="dot" aria-hidden="true" />
        {waiting.value.length > 0 ? t.waitingTasks(waiting.value.length) : t.drawing}
      </button>
      {open && (
        <section class="queue-sheet" aria-label={t.queue}>
          <ol>
            {inOrder.map((work) => (
              <QueueItem key={work.taskUUID} work={work} />
            ))}
          </ol>
          {waiting.value.length > 1 && (
            <Button onPress={() => void stopWaiting()}>{t.cancelWaiting(waiting.value.length)}</Button>
          )}
        </section>
      )}
    </div>
  );
}

function QueueItem({ work }: { readonly work: Work }) {
  const t = words.value;
  const { taskUUID, group, parameters, state, progress, queuePosition, preview } = work;
  const show = () => {
    look({ kind: "group", group });
    go("draw");
  };
  const where =
    state === "running" ? (progress ? `${progress.percentage} %` : t.starting) : t.place((queuePosition ?? 0) + 1);
  return (
    <li class="queue-item">
      <button type="button" class="queue-show" onClick={show}>
        <span class="queue-picture">{preview && <img src={preview.uri} alt="" />}</span>
        <span class="queue-prompt">{parameters.positivePrompt ?? ""}</span>
        <span class="soft numbers">{where}</span>
      </button>
      <Button
        kind="quiet"
        icon={X}
        label={state === "running" ? t.stop : t.cancel}
        onPress={() => void stop(taskUUID)}
      />
    </li>
  );
}
