import { SquareCheck } from "lucide";
import { Button } from "../../parts/button.tsx";
import { Segments } from "../../parts/segments.tsx";
import { checkpoints } from "../../state/models.ts";
import type { PictureQuery } from "../../state/picture-list.ts";
import { words } from "../../text/index.ts";

const PLACES = ["all", "starred", "uploads", "derived", "bin"] as const;

export interface GalleryFilter {
  readonly words: string;
  readonly place: (typeof PLACES)[number];
  readonly model?: string;
  /** Not after this day, as `2026-11-29`. */
  readonly until?: string;
}

/** The filter as the API's query. */
export function queryOf({ words: q, place, model, until }: GalleryFilter): PictureQuery {
  return {
    ...(q.trim() !== "" && { q: q.trim() }),
    ...(model !== undefined && { model }),
    ...(until !== undefined && { to: endOfDay(until) }),
    ...(place === "starred" && { starred: true }),
    ...(place === "uploads" && { kind: "upload" }),
    ...(place === "derived" && { kind: "derived" }),
    ...(place === "all" && { kind: "drawn" }),
    ...(place === "bin" && { binned: true }),
  };
}

/** The end of a day in the user's time zone. */
function endOfDay(day: string): string {
  const end = new Date(`${day}T00:00`);
  end.setDate(end.getDate() + 1);
  return end.toISOString();
}

interface FiltersProps {
  readonly filter: GalleryFilter;
  readonly onChange: (filter: GalleryFilter) => void;
  /** True: a press on an image selects it. */
  readonly selecting: boolean;
  readonly onSelecting: (selecting: boolean) => void;
}

/** The filter for the images. */
export function Filters({ filter, onChange, selecting, onSelecting }: FiltersProps) {
  const t = words.value;
  const names = { all: t.all, starred: t.starred, uploads: t.uploads, derived: t.derived, bin: t.binPlace };
  return (
    <div class="filters">
      <input
        id="gallery-search"
        type="search"
        value={filter.words}
        placeholder={t.search}
        aria-label={t.search}
        onInput={({ currentTarget }) => onChange({ ...filter, words: currentTarget.value })}
      />
      <Segments
        label={t.screens.pictures}
        options={PLACES.map((value) => ({ value, text: names[value] }))}
        chosen={(value) => value === filter.place}
        onChoose={(place) => onChange({ ...filter, place })}
      />
      {checkpoints.value.length > 1 && (
        <select
          aria-label={t.model}
          value={filter.model ?? ""}
          onChange={({ currentTarget: { value } }) => {
            const { model: _, ...rest } = filter;
            onChange(value === "" ? rest : { ...rest, model: value });
          }}
        >
          <option value="">{t.model}</option>
          {checkpoints.value.map(({ air, name }) => (
            <option key={air} value={air}>
              {name}
            </option>
          ))}
        </select>
      )}
      <label class="filter-until">
        <span class="soft">{t.until}</span>
        <input
          type="date"
          value={filter.until ?? ""}
          onChange={({ currentTarget: { value } }) => {
            const { until: _, ...rest } = filter;
            onChange(value === "" ? rest : { ...rest, until: value });
          }}
        />
      </label>
      <span class="gap" />
      <Button kind="quiet" icon={SquareCheck} pressed={selecting} onPress={() => onSelecting(!selecting)}>
        {t.select}
      </Button>
    </div>
  );
}
