import { useEffect, useState } from "preact/hooks";
import { draft } from "../../state/draft.ts";
import { drafted, draftedPictures, draw, refusal } from "../../state/drawing.ts";
import { headlineOf } from "../../state/fault.ts";
import { model, models } from "../../state/models.ts";
import { expectedSeconds } from "../../state/pace.ts";
import { words } from "../../text/index.ts";

/** The red button, its expected time, and the reason of a refusal. */
export function DrawButton() {
  const t = words.value;
  const pictures = draftedPictures.value;
  const seconds = expectedSeconds(draft.value);
  const missing = models.value.length > 0 && draft.value.model !== undefined && model.value === undefined;
  return (
    <div class="draw-bar">
      {missing && <p class="fault">{t.modelMissing(draft.value.model!)}</p>}
      <Refusal />
      <div class="row">
        <button type="button" class="button primary draw" onClick={() => void draw()} title="Ctrl+Enter">
          {t.draw}
        </button>
        <span class="soft numbers">
          {drafted.value.length > 1 && t.pictures(pictures)}
          {drafted.value.length > 1 && seconds !== undefined && ", "}
          {seconds !== undefined && t.about(seconds * drafted.value.length)}
        </span>
      </div>
    </div>
  );
}

/** Why the server refused. Counts down to the time at which the server accepts tasks again. */
function Refusal() {
  const [, tick] = useState(0);
  const { value } = refusal;
  useEffect(() => {
    if (value?.until === undefined) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [value]);
  if (value === undefined) return null;
  const { code, message } = value.error;
  const left = value.until === undefined ? 0 : Math.ceil((value.until - Date.now()) / 1000);
  const headline = headlineOf(code);
  return (
    <div class="refusal" role="alert">
      {headline !== undefined && <strong>{headline}</strong>}
      {left > 0 && code === "rateLimitExceeded" ? <p>{words.value.tryAgainIn(left)}</p> : <p>{message}</p>}
    </div>
  );
}
