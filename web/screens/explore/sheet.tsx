import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Json } from "../../api/json.ts";
import { request } from "../../api/server.ts";
import type { Picture, TaskItem } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { KeepStarred } from "../../parts/keep-starred.tsx";
import { PictureCell } from "../../parts/picture-cell.tsx";
import { thumbnail } from "../../state/pictures.ts";
import { go } from "../../state/route.ts";
import { look } from "../../state/stage.ts";
import { isUnfinished, workOf } from "../../state/work.ts";
import { words } from "../../text/index.ts";

/** The parameters that vary, and their values. */
export interface SheetLayout {
  readonly across: string;
  readonly down: string;
  readonly columns: readonly (Json | undefined)[];
  readonly rows: readonly (Json | undefined)[];
  readonly prompts: readonly string[];
}

export interface SheetState extends SheetLayout {
  /** Row by row, prompt by prompt. */
  readonly tasks: readonly string[];
}

/** The contact sheet: columns and rows with their values. An image appears in its cell when it is ready. */
export function Sheet({ state, onClear }: { readonly state: SheetState; readonly onClear: () => void }) {
  const t = words.value;
  const earlier = useEarlierPictures(state.tasks);
  const pictureOf = (taskUUID: string): Picture | undefined => {
    return workOf(taskUUID)?.results[0] ?? earlier.get(taskUUID);
  };
  const pictures = state.tasks.map(pictureOf).filter((picture) => picture !== undefined);
  return (
    <section class="explore-sheet">
      <div class="row wrap">
        <KeepStarred pictures={pictures} onDone={onClear} />
        <Button kind="quiet" onPress={onClear}>
          {t.close}
        </Button>
      </div>
      <SheetTables
        {...state}
        cell={(at) => {
          const taskUUID = state.tasks[at];
          return taskUUID !== undefined && <SheetPicture taskUUID={taskUUID} picture={pictureOf(taskUUID)} />;
        }}
      />
    </section>
  );
}

/** The sheet before it starts, with its final shape. */
export function PlannedSheet(layout: SheetLayout) {
  return (
    <section class="explore-sheet planned" aria-hidden="true">
      <SheetTables {...layout} cell={() => <div class="sheet-cell" />} />
    </section>
  );
}

/** A table for each prompt: columns and rows with their values. `cell` makes the cell of a number, counted row by row. */
function SheetTables({
  across,
  down,
  columns,
  rows,
  prompts,
  cell,
}: SheetLayout & { readonly cell: (at: number) => ComponentChildren }) {
  return prompts.map((prompt, p) => (
    <table key={prompt} class="sheet-table">
      {prompts.length > 1 && <caption>{prompt}</caption>}
      <thead>
        <tr>
          <td />
          {columns.map((column, c) => (
            <th key={c} scope="col">
              {label(across, column)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, r) => (
          <tr key={r}>
            <th scope="row">{label(down, row)}</th>
            {columns.map((_, c) => (
              <td key={c}>{cell((p * rows.length + r) * columns.length + c)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  ));
}

const label = (path: string, value: Json | undefined): string =>
  path === "" ? "" : `${path.split(".").at(-1)} ${String(value)}`;

function SheetPicture({ taskUUID, picture }: { readonly taskUUID: string; readonly picture: Picture | undefined }) {
  const work = workOf(taskUUID);
  if (picture === undefined) {
    const state = work === undefined || isUnfinished(work) ? "forming" : "nothing";
    return <div class={`sheet-cell ${state}`}>{work?.preview && <img src={work.preview.uri} alt="" />}</div>;
  }
  const open = () => {
    look({ kind: "picture", imageUUID: picture.imageUUID });
    go("draw");
  };
  return <PictureCell picture={picture} src={thumbnail(picture, 320)} onOpen={open} />;
}

/** Images of tasks that ended before this page was opened. */
function useEarlierPictures(tasks: readonly string[]): ReadonlyMap<string, Picture> {
  const [found, setFound] = useState<ReadonlyMap<string, Picture>>(new Map());
  useEffect(() => {
    const unknown = tasks.filter((taskUUID) => workOf(taskUUID) === undefined);
    void Promise.all(
      unknown.map((taskUUID) => request<TaskItem>("GET", `/v1/tasks/${taskUUID}`).catch(() => undefined)),
    ).then((items) => {
      const entries = items.flatMap((item) => (item?.results[0] ? [[item.taskUUID, item.results[0]] as const] : []));
      setFound(new Map(entries));
    });
  }, [tasks]);
  return found;
}
