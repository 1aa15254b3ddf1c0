import { useRef } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { PictureCell } from "../../parts/picture-cell.tsx";
import { pathOfImage, recent } from "../../state/pictures.ts";
import { look } from "../../state/stage.ts";
import { isUnfinished, type Work } from "../../state/work.ts";
import { words } from "../../text/index.ts";

interface Cell {
  readonly work: Work;
  readonly index: number;
  readonly picture?: Picture;
}

const cellsOf = (work: Work): readonly Cell[] =>
  Array.from({ length: work.parameters.numberResults ?? 1 }, (_, index) => {
    const picture = work.results.find((result) => result.index === index);
    return { work, index, ...(picture && { picture }) };
  });

/** The images of one request, in order. Each appears in its place. */
export function ContactSheet({ works }: { readonly works: readonly Work[] }) {
  const list = useRef<HTMLUListElement>(null);
  const cells = works.flatMap(cellsOf);
  const gone = (picture: Picture) => !recent.items.value.some(({ imageUUID }) => imageUUID === picture.imageUUID);
  const columns = Math.ceil(Math.sqrt(cells.length));
  const { width = 1, height = 1 } = works[0]!.parameters;
  const grid = {
    "--columns": String(columns),
    "--rows": String(Math.ceil(cells.length / columns)),
    "--aspect": String(width / height),
  };
  return (
    <ul class="contact-sheet" style={grid} ref={list} onKeyDown={(event) => moveFocus(event, list.current!, columns)}>
      {cells
        .filter(({ picture }) => picture === undefined || !gone(picture))
        .map((cell) => (
          <li key={`${cell.work.taskUUID}-${cell.index}`}>
            <SheetCell {...cell} />
          </li>
        ))}
    </ul>
  );
}

/** The finished images of a sheet. */
export const picturesOf = (works: readonly Work[]): readonly Picture[] =>
  works
    .flatMap(({ results }) => results)
    .filter(({ imageUUID }) => recent.items.value.some((one) => one.imageUUID === imageUUID));

/** Arrow keys move between the images. */
function moveFocus(event: KeyboardEvent, list: HTMLElement, columns: number): void {
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (by === undefined) return;
  const pictures = [...list.querySelectorAll<HTMLElement>("button.sheet-cell")];
  const at = pictures.indexOf(document.activeElement as HTMLElement);
  pictures[at + by]?.focus();
  event.preventDefault();
}

function SheetCell({ work, index, picture }: Cell) {
  const { width = 1, height = 1, positivePrompt = "" } = work.parameters;
  const ratio = { aspectRatio: `${width} / ${height}` };
  const t = words.value;
  if (picture !== undefined) {
    const open = () => look({ kind: "picture", imageUUID: picture.imageUUID });
    return <PictureCell picture={picture} src={pathOfImage(picture)} onOpen={open} style={ratio} />;
  }
  const preview = work.preview?.image === index ? work.preview.uri : undefined;
  return (
    <div class={`sheet-cell${isUnfinished(work) ? " forming" : " nothing"}`} style={ratio} title={work.error?.message}>
      {preview !== undefined && isUnfinished(work) && <img src={preview} alt={t.formingOf(positivePrompt)} />}
      {!isUnfinished(work) && <span class="soft">{work.state === "cancelled" ? t.stopped : t.failed}</span>}
    </div>
  );
}
