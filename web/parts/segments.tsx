import type { ComponentChildren } from "preact";

interface SegmentsProps<Value> {
  readonly label: string;
  readonly options: readonly { readonly value: Value; readonly text: ComponentChildren; readonly tip?: string }[];
  readonly chosen: (value: Value) => boolean;
  readonly onChoose: (value: Value) => void;
  readonly disabled?: boolean;
}

/** A few choices side by side, one of them active. */
export function Segments<Value>({ label, options, chosen, onChoose, disabled }: SegmentsProps<Value>) {
  return (
    <fieldset class="segments" aria-label={label} disabled={disabled}>
      {options.map(({ value, text, tip }, i) => (
        <button
          key={i}
          type="button"
          title={tip}
          aria-label={tip}
          aria-pressed={chosen(value)}
          onClick={() => onChoose(value)}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}
