import { Check, RotateCcw, Star } from "lucide";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import type { PictureList } from "../../state/picture-list.ts";
import { thumbnail } from "../../state/pictures.ts";
import { formatDay } from "../../state/preferences.ts";
import { words } from "../../text/index.ts";
import { layOut, rowsBetween } from "./layout.ts";
import type { Selection } from "./selection.ts";

interface PictureGridProps {
  readonly list: PictureList;
  readonly selection: Selection;
  /** True: a press on an image selects it. */
  readonly selecting: boolean;
  readonly onOpen: (imageUUID: string) => void;
  /** The text for a list without images. */
  readonly empty?: string | undefined;
}

/** Rendered distance beyond the edges of the window, in pixels. */
const MARGIN = 600;

/** Squares by day. Only rows near the window are in the document, however long the list is. */
export function PictureGrid({ list, selection, selecting, onOpen, empty }: PictureGridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800, width: 1000 });
  const pictures = list.items.value;

  useEffect(() => {
    const element = scroller.current!;
    const measure = () => {
      const { paddingLeft } = getComputedStyle(element);
      const width = element.clientWidth - 2 * Number.parseFloat(paddingLeft);
      setView({ top: element.scrollTop, height: element.clientHeight, width });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  const layout = useMemo(
    () => layOut(pictures, view.width, ({ createdAt }) => formatDay(createdAt)),
    [pictures, view.width],
  );
  const rows = rowsBetween(layout, view.top - MARGIN, view.top + view.height + MARGIN);
  useEffect(() => {
    if (view.top + view.height + 2 * MARGIN > layout.height) void list.more();
  }, [view, layout, list.state.value]);

  const step = (picture: Picture, by: number) => {
    const next = pictures[pictures.indexOf(picture) + by];
    if (next !== undefined) document.getElementById(`cell-${next.imageUUID}`)?.focus();
  };
  return (
    <div class={`grid-scroller${selecting ? " selecting" : ""}`} ref={scroller}>
      {pictures.length === 0 && <EmptyGrid state={list.state.value} hint={empty} onRetry={() => void list.more()} />}
      <div class="grid" style={{ height: `${layout.height}px` }}>
        {rows.map((row) => {
          const place = { top: `${row.top}px`, height: `${row.height}px` };
          return row.kind === "day" ? (
            <h2 class="grid-day" key={`day-${row.top}`} style={place}>
              {row.day}
            </h2>
          ) : (
            <div class="grid-row" key={row.pictures[0]!.imageUUID} style={place}>
              {row.pictures.map((picture) => (
                <Cell
                  key={picture.imageUUID}
                  picture={picture}
                  side={layout.cell}
                  selection={selection}
                  selecting={selecting}
                  onOpen={onOpen}
                  onStep={(by) => step(picture, by)}
                  columns={layout.columns}
                />
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface EmptyGridProps {
  readonly state: "loading" | "more" | "complete" | "failed";
  readonly hint: string | undefined;
  readonly onRetry: () => void;
}

/** Explains why the list is empty. */
function EmptyGrid({ state, hint, onRetry }: EmptyGridProps) {
  const t = words.value;
  if (state === "loading" || state === "more") return <p class="soft grid-empty late">{t.loadingPictures}</p>;
  return (
    <div class="empty grid-empty">
      <p class="display">{state === "failed" ? t.listFailed : t.noPictures}</p>
      {state === "failed" ? (
        <Button icon={RotateCcw} onPress={onRetry}>
          {t.drawAgain}
        </Button>
      ) : (
        hint !== undefined && <p class="soft">{hint}</p>
      )}
    </div>
  );
}

interface CellProps {
  readonly picture: Picture;
  readonly side: number;
  readonly columns: number;
  readonly selection: Selection;
  readonly selecting: boolean;
  readonly onOpen: (imageUUID: string) => void;
  readonly onStep: (by: number) => void;
}

function Cell({ picture, side, columns, selection, selecting, onOpen, onStep }: CellProps) {
  const { imageUUID, parameters, seed, starred } = picture;
  const t = words.value;
  const chosen = selection.has(picture);
  const press = (event: MouseEvent) => {
    if (event.shiftKey) selection.extend(picture);
    else if (event.ctrlKey || event.metaKey || selecting) selection.toggle(picture);
    else onOpen(imageUUID);
  };
  const keys: Record<string, () => void> = {
    ArrowRight: () => onStep(1),
    ArrowLeft: () => onStep(-1),
    ArrowDown: () => onStep(columns),
    ArrowUp: () => onStep(-columns),
    " ": () => selection.toggle(picture),
  };
  const alt = t.pictureOf(parameters?.positivePrompt ?? "", seed);
  return (
    <div class={`grid-cell${chosen ? " chosen" : ""}`} style={{ width: `${side}px`, height: `${side}px` }}>
      <button
        type="button"
        id={`cell-${imageUUID}`}
        class="grid-open"
        onClick={press}
        onKeyDown={(event) => {
          const act = keys[event.key];
          if (act === undefined || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          act();
        }}
      >
        <img src={thumbnail(picture, 320)} alt={alt} loading="lazy" />
      </button>
      <button
        type="button"
        class="grid-check"
        aria-pressed={chosen}
        aria-label={`${t.select}: ${alt}`}
        onClick={() => selection.toggle(picture)}
      >
        <Icon of={Check} size={16} />
      </button>
      {starred && (
        <span class="grid-star" role="img" aria-label={t.starred}>
          <Icon of={Star} size={16} />
        </span>
      )}
    </div>
  );
}
