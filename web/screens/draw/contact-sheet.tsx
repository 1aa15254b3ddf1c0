import type { Picture } from "../../api/types.ts";
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

/** Several pictures of one press, in their order; each appears where it belongs. */
export function ContactSheet({ works }: { readonly works: readonly Work[] }) {
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
    <ul class="contact-sheet" style={grid}>
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

function SheetCell({ work, index, picture }: Cell) {
  const { width = 1, height = 1, positivePrompt = "" } = work.parameters;
  const ratio = { aspectRatio: `${width} / ${height}` };
  const t = words.value;
  if (picture !== undefined) {
    const alt = t.pictureOf(positivePrompt, picture.seed);
    return (
      <button
        type="button"
        class="sheet-cell"
        style={ratio}
        onClick={() => look({ kind: "picture", imageUUID: picture.imageUUID })}
      >
        <img src={pathOfImage(picture)} alt={alt} />
      </button>
    );
  }
  const preview = work.preview?.image === index ? work.preview.uri : undefined;
  return (
    <div class={`sheet-cell${isUnfinished(work) ? " forming" : " nothing"}`} style={ratio} title={work.error?.message}>
      {preview !== undefined && isUnfinished(work) && <img src={preview} alt={t.formingOf(positivePrompt)} />}
      {!isUnfinished(work) && <span class="soft">{work.state === "cancelled" ? t.stopped : t.failed}</span>}
    </div>
  );
}
