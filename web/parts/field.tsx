import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly about?: string | undefined;
  /** The fault in the value. */
  readonly fault?: string | undefined;
  /** Shown at the right end of the label's line. */
  readonly aside?: ComponentChildren;
  readonly children: (id: string, describedBy: string | undefined) => ComponentChildren;
}

/** A control with its label, a sentence about it, and its fault. */
export function Field({ label, about, fault, aside, children }: FieldProps) {
  const id = useId();
  const described = fault !== undefined ? `${id}-fault` : about !== undefined ? `${id}-about` : undefined;
  return (
    <div class={`field${fault === undefined ? "" : " faulty"}`}>
      <div class="field-head">
        <label for={id}>{label}</label>
        {aside}
      </div>
      {children(id, described)}
      {fault !== undefined && (
        <p class="fault" id={`${id}-fault`}>
          {fault}
        </p>
      )}
      {fault === undefined && about !== undefined && (
        <p class="about" id={`${id}-about`}>
          {about}
        </p>
      )}
    </div>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly step?: number | undefined;
  /** The value that applies when the field is empty. */
  readonly placeholder?: string | undefined;
  readonly about?: string | undefined;
  readonly fault?: string | undefined;
  /** True: shows a slider beside the number. */
  readonly slider?: boolean;
}

/** A number, with a slider if its range is known. */
export function NumberField(props: NumberFieldProps) {
  const { label, value, onChange, min, max, step = 1, placeholder, about, fault, slider = false } = props;
  const change = (event: { currentTarget: HTMLInputElement }) => {
    const { value: text, valueAsNumber } = event.currentTarget;
    onChange(text === "" || Number.isNaN(valueAsNumber) ? undefined : valueAsNumber);
  };
  const range = { min, max, step };
  return (
    <Field label={label} about={about} fault={fault}>
      {(id, described) => (
        <div class="number-field">
          {slider && (
            <input
              type="range"
              {...range}
              value={value ?? Number(placeholder ?? min ?? 0)}
              onInput={change}
              aria-label={label}
              tabIndex={-1}
            />
          )}
          <input
            type="number"
            id={id}
            {...range}
            step={step}
            value={value ?? ""}
            placeholder={placeholder}
            onInput={change}
            aria-describedby={described}
            aria-invalid={fault !== undefined}
          />
        </div>
      )}
    </Field>
  );
}

interface ChoiceFieldProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly onChange: (value: string) => void;
  readonly about?: string | undefined;
  readonly fault?: string | undefined;
}

/** One of several values. */
export function ChoiceField({ label, value, options, onChange, about, fault }: ChoiceFieldProps) {
  return (
    <Field label={label} about={about} fault={fault}>
      {(id, described) => (
        <select
          id={id}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
          aria-describedby={described}
          aria-invalid={fault !== undefined}
        >
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
