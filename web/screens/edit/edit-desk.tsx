import { useEffect, useRef, useState } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { isComposing, onKeys } from "../../keys.ts";
import { EMPTY_MASK, isPainted, redoStroke, type Stroke, undoStroke, withStroke } from "../../mask/strokes.ts";
import { drawableSides } from "../../mask/view.ts";
import { drawAll } from "../../state/drawing.ts";
import { changeEdit, type Edit, editOf, isExtended } from "../../state/edits.ts";
import { canEdit } from "../../state/models.ts";
import { tell } from "../../state/notices.ts";
import { compared, pathOfImage } from "../../state/pictures.ts";
import { isUnfinished, works } from "../../state/work.ts";
import { words } from "../../text/index.ts";
import { EditPanel } from "./edit-panel.tsx";
import { EditResults } from "./edit-results.tsx";
import { MaskCanvas } from "./mask-canvas.tsx";
import type { MaskPainter, Tool } from "./mask-painter.ts";
import { redrawnSize, redrawTask } from "./redraw.ts";
import { ToolBar } from "./tool-bar.tsx";
import { useLoadedImage } from "./use-loaded-image.ts";

/** Factor between two sizes of the brush. */
const SIZE_STEP = 1.25;

/** The effect of the button. */
function sentenceFor(picture: Picture, { sides, mask }: Edit): string {
  const t = words.value;
  const { width, height } = picture;
  if (isExtended(sides)) {
    const { top, right, bottom, left } = drawableSides(picture, sides);
    return `${t.extendSentence} ${t.newSize(width + left + right, height + top + bottom)}`;
  }
  const painted = isPainted(mask);
  if (!painted && canEdit.value) return t.instructSentence;
  const size = redrawnSize(picture);
  if (size.width === width && size.height === height) return painted ? t.maskSentence : t.noMaskSentence;
  return `${painted ? t.maskSentenceResized : t.noMaskSentence} ${t.newSize(size.width, size.height)}`;
}

/** The tools, the image with its mask, and the results. */
export function EditDesk({ picture }: { readonly picture: Picture }) {
  const { imageUUID, width, height } = picture;
  // An instruction differs from a description, so it starts empty.
  const ownPrompt = canEdit.value ? "" : (picture.parameters?.positivePrompt ?? "");
  const edit = editOf(imageUUID, ownPrompt);
  const change = (next: Parameters<typeof changeEdit>[2]) => changeEdit(imageUUID, ownPrompt, next);
  const [tool, setTool] = useState<Tool>("brush");
  const [size, setSize] = useState(Math.round(Math.max(width, height) / 10));
  const [hardness, setHardness] = useState(0.8);
  const [group, setGroup] = useState<string>();
  const [result, setResult] = useState<Picture>();
  const [before, setBefore] = useState(false);
  const painter = useRef<MaskPainter>(undefined);
  /** The result for the keyboard shortcuts. */
  const shown = useRef<Picture>(undefined);
  shown.current = result;
  const source = useLoadedImage(pathOfImage(picture));
  const shownResult = useLoadedImage(result && pathOfImage(result));

  const mine = works.value.filter((work) => work.group === group && group !== undefined);
  const newest = mine.flatMap(({ results }) => results).at(-1);
  useEffect(() => {
    if (newest !== undefined) setResult(newest);
  }, [newest?.imageUUID]);

  const stroke = (next: Stroke) => change({ mask: withStroke(editOf(imageUUID, ownPrompt).mask, next) });
  const redraw = async () => {
    try {
      const task = await redrawTask(picture, editOf(imageUUID, ownPrompt), () => painter.current!.mask());
      setGroup(await drawAll([task], false));
    } catch (thrown) {
      tell({ text: (thrown as Error).message, tone: "problem" });
    }
  };

  useEffect(() => {
    const changeMask = (next: typeof undoStroke) => () => change({ mask: next(editOf(imageUUID, ownPrompt).mask) });
    const ends = [
      onKeys({
        b: () => setTool("brush"),
        e: () => setTool("eraser"),
        r: () => setTool("box"),
        l: () => setTool("lasso"),
        "[": () => setSize((n) => Math.max(1, Math.round(n / SIZE_STEP))),
        "]": () => setSize((n) => Math.ceil(n * SIZE_STEP)),
        x: () => stroke({ kind: "invert" }),
        "0": () => painter.current?.fit(),
        h: () => setBefore(true),
        c: () => {
          if (shown.current !== undefined) compared.value = [picture, shown.current];
        },
        "Ctrl+z": changeMask(undoStroke),
        "Shift+Ctrl+z": changeMask(redoStroke),
      }),
      onKeys({ "Ctrl+Enter": () => void redraw() }, { typing: true }),
    ];
    const up = (event: KeyboardEvent) => !isComposing(event) && event.key.toLowerCase() === "h" && setBefore(false);
    document.addEventListener("keyup", up);
    return () => {
      document.removeEventListener("keyup", up);
      for (const end of ends) end();
    };
  }, []);

  const image = result !== undefined && !before ? shownResult : source;
  const t = words.value;
  return (
    <main class="edit-screen">
      <h1 class="hidden">{t.edit}</h1>
      <EditPanel
        picture={picture}
        edit={edit}
        onChange={change}
        onRedraw={() => void redraw()}
        sentence={sentenceFor(picture, edit)}
        brush={{ tool, size, hardness, onSize: setSize, onHardness: setHardness }}
      />
      <section class="edit-side">
        <ToolBar
          tool={tool}
          onTool={(next) => {
            setTool(next);
            setResult(undefined);
          }}
          mask={edit.mask}
          onMask={(mask) => change({ mask })}
          onInvert={() => stroke({ kind: "invert" })}
          onClear={() => (edit.mask === EMPTY_MASK ? undefined : stroke({ kind: "clear" }))}
          onFit={() => painter.current?.fit()}
          onBefore={setBefore}
        />
        {image !== undefined && (
          <MaskCanvas
            key={result !== undefined && !before ? "result" : "source"}
            onPainter={(made) => {
              if (result === undefined || before) painter.current = made;
            }}
            image={image}
            width={result !== undefined && !before ? result.width : width}
            height={result !== undefined && !before ? result.height : height}
            strokes={edit.mask.strokes}
            tool={tool}
            size={size}
            hardness={hardness}
            sides={edit.sides}
            bare={result !== undefined || before}
            onStroke={stroke}
            onSides={(sides) => change({ sides })}
          />
        )}
        <EditResults
          picture={picture}
          open={mine.filter(isUnfinished)}
          ended={mine.filter((work) => work.state === "failed").at(-1)}
          shown={result}
          onShow={setResult}
        />
      </section>
    </main>
  );
}
