import { useEffect, useState } from "preact/hooks";
import "./pictures.css";
import type { Picture } from "../../api/types.ts";
import { onKeys } from "../../keys.ts";
import { Button } from "../../parts/button.tsx";
import { bin, compared, gallery, hasPixels, restore, star } from "../../state/pictures.ts";
import { go } from "../../state/route.ts";
import { words } from "../../text/index.ts";
import { DateRail } from "./date-rail.tsx";
import { Filters, type GalleryFilter, queryOf } from "./filters.tsx";
import { PictureGrid } from "./picture-grid.tsx";
import { useSelection } from "./selection.ts";
import { Viewer } from "./viewer.tsx";

/** All images of this key on this server, newest first. */
export function PicturesScreen() {
  const [filter, setFilter] = useState<GalleryFilter>({ words: "", place: "all" });
  const [viewed, setViewed] = useState<string>();
  const [selecting, setSelecting] = useState(false);
  const selection = useSelection(gallery.items.value);
  const t = words.value;
  const inBin = filter.place === "bin";

  useEffect(() => {
    const timer = setTimeout(() => void gallery.show(queryOf(filter)), filter.words === "" ? 0 : 200);
    return () => clearTimeout(timer);
  }, [filter]);

  const binSelected = (pictures: readonly Picture[]) => {
    const next = neighbourOf(gallery.items.value, pictures);
    selection.clear();
    void (inBin ? restore(pictures).then(() => gallery.show(queryOf(filter))) : bin(pictures));
    if (next !== undefined) requestAnimationFrame(() => document.getElementById(`cell-${next.imageUUID}`)?.focus());
  };
  useEffect(
    () =>
      onKeys({
        Delete: () => selection.pictures.length > 0 && binSelected(selection.pictures),
        s: () => selection.pictures.forEach((picture) => void star(picture, true)),
        e: () => {
          const [first] = selection.pictures;
          if (first && hasPixels(first)) go("edit", first.imageUUID);
        },
        "Ctrl+a": selection.all,
        Escape: () => {
          selection.clear();
          setSelecting(false);
        },
        "/": () => document.querySelector<HTMLInputElement>("#gallery-search")?.focus(),
      }),
    [selection, inBin],
  );

  const [first, second] = selection.pictures;
  const picture = gallery.items.value.find(({ imageUUID }) => imageUUID === viewed);
  return (
    <main class="pictures-screen">
      <h1 class="hidden">{t.screens.pictures}</h1>
      <Filters
        filter={filter}
        onChange={setFilter}
        selecting={selecting}
        onSelecting={(next) => {
          setSelecting(next);
          if (!next) selection.clear();
        }}
      />
      {selection.pictures.length > 0 && (
        <div class="selection-bar" role="toolbar" aria-label={t.actions}>
          <span class="numbers">{t.selected(selection.pictures.length)}</span>
          <Button kind="quiet" onPress={() => binSelected(selection.pictures)}>
            {inBin ? t.restore : t.bin}
          </Button>
          <Button kind="quiet" onPress={() => selection.pictures.forEach((one) => void star(one, true))}>
            {t.star}
          </Button>
          {selection.pictures.length === 2 && (
            <Button kind="quiet" onPress={() => (compared.value = [first!, second!])}>
              {t.compare}
            </Button>
          )}
          <Button kind="quiet" onPress={selection.all}>
            {t.selectAll}
          </Button>
          <Button kind="quiet" onPress={selection.clear}>
            {t.selectNone}
          </Button>
        </div>
      )}
      {inBin && <p class="soft bin-note">{t.binNote}</p>}
      <div class="grid-and-rail">
        <PictureGrid
          list={gallery}
          selection={selection}
          selecting={selecting || selection.pictures.length > 0}
          onOpen={setViewed}
          empty={filter.words === "" ? t.emptyPlaces[filter.place] : undefined}
        />
        <DateRail filter={filter} onChange={setFilter} />
      </div>
      {picture !== undefined && (
        <Viewer
          picture={picture}
          pictures={gallery.items.value}
          onChange={(next) => {
            setViewed(next);
            if (gallery.items.value.at(-3)?.imageUUID === next) void gallery.more();
          }}
          onClose={() => {
            setViewed(undefined);
            requestAnimationFrame(() => document.getElementById(`cell-${picture.imageUUID}`)?.focus());
          }}
        />
      )}
    </main>
  );
}

/** The image that gets the focus when others disappear: the one after them, else the one before. */
function neighbourOf(all: readonly Picture[], going: readonly Picture[]): Picture | undefined {
  const gone = new Set(going.map(({ imageUUID }) => imageUUID));
  const last = all.findLastIndex(({ imageUUID }) => gone.has(imageUUID));
  return (
    all.slice(last + 1).find(({ imageUUID }) => !gone.has(imageUUID)) ??
    all.findLast(({ imageUUID }) => !gone.has(imageUUID))
  );
}
