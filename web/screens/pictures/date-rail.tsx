import { useEffect, useState } from "preact/hooks";
import { monthsOf } from "../../state/months.ts";
import { formatMonth } from "../../state/preferences.ts";
import { words } from "../../text/index.ts";
import { type GalleryFilter, queryOf } from "./filters.tsx";

interface DateRailProps {
  readonly filter: GalleryFilter;
  readonly onChange: (filter: GalleryFilter) => void;
}

/** The months with images, newest first. A press shows the images from the end of that month on. One month needs no rail. */
export function DateRail({ filter, onChange }: DateRailProps) {
  const [months, setMonths] = useState<readonly Date[]>([]);
  const t = words.value;
  const { until, ...rest } = filter;
  const search = JSON.stringify(rest);

  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      monthsOf(queryOf(rest), stop.signal)
        .then((found) => stop.signal.aborted || setMonths(found))
        .catch(() => {}); // the grid reports a server that does not answer
    }, 300);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [search]);

  if (months.length < 2) return null;
  const choose = (day: string | undefined) => onChange(day === undefined ? rest : { ...rest, until: day });
  const mark = (text: string, day: string | undefined) => (
    <button key={text} type="button" aria-current={until === day ? "date" : undefined} onClick={() => choose(day)}>
      {text}
    </button>
  );
  return (
    <nav class="date-rail" aria-label={t.months}>
      {mark(t.newest, undefined)}
      {months.slice(1).map((month) => mark(formatMonth(month), lastDayOf(month)))}
    </nav>
  );
}

/** As `2026-11-30`, in the user's time zone. */
function lastDayOf(month: Date): string {
  const last = new Date(month.getFullYear(), month.getMonth() + 1, 0);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${last.getFullYear()}-${two(last.getMonth() + 1)}-${two(last.getDate())}`;
}
