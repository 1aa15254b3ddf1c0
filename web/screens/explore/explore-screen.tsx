import { useEffect } from "preact/hooks";
import "./explore.css";
import type { Json } from "../../api/json.ts";
import type { Parameters } from "../../api/types.ts";
import { valuesOf } from "../../prompt/values.ts";
import { expandWildcards } from "../../prompt/wildcards.ts";
import { draft, setParameter, valueAt, withValue } from "../../state/draft.ts";
import { drawAll } from "../../state/drawing.ts";
import { expectedSeconds } from "../../state/pace.ts";
import { stored } from "../../state/stored.ts";
import { works } from "../../state/work.ts";
import { words } from "../../text/index.ts";
import { type Axis, AxisField, axisOptions } from "./axis-field.tsx";
import { PlannedSheet, Sheet, type SheetState } from "./sheet.tsx";

/** Most images in one sheet. */
const MOST = 100;

const axes = stored<{ readonly across: Axis; readonly down: Axis }>("axes", {
  across: { path: "seed", values: "1-4" },
  down: { path: "CFGScale", values: "2, 4, 6" },
});
const sheet = stored<SheetState | undefined>("sheet", undefined);

/** A contact sheet over two parameters. */
export function ExploreScreen() {
  const t = words.value;
  const { across, down } = axes.value;
  const columns = columnsOf(across);
  const rows = columnsOf(down);
  const prompts = expandWildcards(draft.value.positivePrompt ?? "");
  const tasks = prompts.flatMap((prompt) =>
    rows.flatMap((row) => columns.map((column) => taskOf(prompt, across.path, column, down.path, row))),
  );
  const layout = { across: across.path, down: down.path, columns, rows, prompts };
  const seconds = expectedSeconds({ ...draft.value, numberResults: 1 });
  useEffect(() => {
    document.title = `${t.screens.explore} – Inkstone`;
    return () => {
      document.title = "Inkstone";
    };
  }, []);

  const start = async () => {
    const group = await drawAll(tasks, false);
    if (group === undefined) return;
    const mine = works.value.filter((work) => work.group === group).toReversed();
    sheet.value = {
      ...layout,
      tasks: mine.map(({ taskUUID }) => taskUUID),
    };
  };
  return (
    <main class="explore-screen">
      <h1 class="hidden">{t.screens.explore}</h1>
      <section class="explore-desk" aria-label={t.screens.explore}>
        <p class="soft">{t.exploreHint}</p>
        <label class="field">
          <span class="soft">{t.prompt}</span>
          <textarea
            class="edit-prompt"
            rows={2}
            spellcheck={false}
            value={draft.value.positivePrompt ?? ""}
            placeholder={t.promptPlaceholder}
            onInput={({ currentTarget: { value } }) =>
              setParameter(["positivePrompt"], value === "" ? undefined : value)
            }
          />
        </label>
        <AxisField label={t.across} axis={across} onChange={(next) => (axes.value = { across: next, down })} />
        <AxisField label={t.down} axis={down} onChange={(next) => (axes.value = { across, down: next })} />
        <div class="row">
          <button
            type="button"
            class="button primary draw"
            disabled={tasks.length > MOST || prompts[0] === ""}
            onClick={() => void start()}
          >
            {t.drawGrid}
          </button>
          <span class="soft numbers">
            {tasks.length > MOST
              ? t.tooMany(MOST)
              : t.gridSentence(tasks.length, seconds === undefined ? "" : t.duration(seconds * tasks.length))}
          </span>
        </div>
      </section>
      {sheet.value !== undefined && <Sheet state={sheet.value} onClear={() => (sheet.value = undefined)} />}
      {sheet.value === undefined &&
        (tasks.length > MOST ? <div class="explore-sheet" /> : <PlannedSheet {...layout} />)}
    </main>
  );
}

/** The values of an axis. An unused axis has one place. */
function columnsOf({ path, values }: Axis): readonly (Json | undefined)[] {
  if (path === "") return [undefined];
  const found = valuesOf(values, axisOptions().find((option) => option.path === path)?.type);
  return found.length > 0 ? found : [valueAt(draft.value, path.split("."))];
}

function taskOf(
  positivePrompt: string,
  across: string,
  column: Json | undefined,
  down: string,
  row: Json | undefined,
): Parameters {
  const { numberResults: _, ...base } = draft.value;
  let task = { ...base, positivePrompt } as Parameters;
  if (across !== "" && column !== undefined) task = withValue(task, across.split("."), column) as Parameters;
  if (down !== "" && row !== undefined) task = withValue(task, down.split("."), row) as Parameters;
  return task;
}
