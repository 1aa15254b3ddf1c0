import { words } from "../../text/index.ts";

interface PlotProps {
  readonly title: string;
  readonly values: readonly number[];
  readonly format: (value: number) => string;
}

const WIDTH = 240;
const HEIGHT = 56;

/** A small line chart of the last minutes, with the newest value. */
export function Plot({ title, values, format }: PlotProps) {
  const newest = values.at(-1);
  const most = Math.max(...values, 0);
  const x = (i: number) => (values.length < 2 ? WIDTH : (i * WIDTH) / (values.length - 1));
  const y = (value: number) => HEIGHT - 1 - (most === 0 ? 0 : (value / most) * (HEIGHT - 2));
  const line = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const text = newest === undefined ? words.value.nothingYet : format(newest);
  return (
    <figure class="plot">
      <figcaption>
        <span class="soft">{title}</span>
        <strong class="numbers">{text}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${title}: ${text}`}>
        <polyline
          points={line}
          fill="none"
          stroke="currentColor"
          stroke-width="1.5"
          vector-effect="non-scaling-stroke"
        />
      </svg>
    </figure>
  );
}
