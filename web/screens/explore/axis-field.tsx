import { resolved, type Schema, taskSchema } from "../../state/schema.ts";
import { words } from "../../text/index.ts";

export interface Axis {
  /** The parameter, `settings.trueCFGScale`; empty: this axis is not used. */
  readonly path: string;
  readonly values: string;
}

interface AxisOption {
  readonly path: string;
  readonly type: string | undefined;
  readonly choices: readonly string[];
}

const OWN = new Set([
  "numberResults",
  "ttl",
  "outputQuality",
  "outputFormat",
  "outputType",
  "deliveryMethod",
  "taskType",
  "includeCost",
]);

/** Every parameter with a number or a choice, from the API's description. */
export function axisOptions(): readonly AxisOption[] {
  const collect = (schema: Schema | undefined, prefix: string): readonly AxisOption[] =>
    Object.entries(schema?.properties ?? {}).flatMap(([name, given]) => {
      const inner = resolved(given);
      const path = prefix + name;
      if (OWN.has(path)) return [];
      if (inner.properties !== undefined) return collect(inner, `${path}.`);
      const isNumber = inner.type === "integer" || inner.type === "number";
      return isNumber || inner.enum !== undefined ? [{ path, type: inner.type, choices: inner.enum ?? [] }] : [];
    });
  return collect(taskSchema.value, "");
}

interface AxisFieldProps {
  readonly label: string;
  readonly axis: Axis;
  readonly onChange: (axis: Axis) => void;
}

/** The parameter that varies, and its values. */
export function AxisField({ label, axis, onChange }: AxisFieldProps) {
  const t = words.value;
  const options = axisOptions();
  const chosen = options.find(({ path }) => path === axis.path);
  return (
    <fieldset class="axis">
      <legend>{label}</legend>
      <select
        aria-label={label}
        value={axis.path}
        onChange={({ currentTarget }) =>
          onChange({
            path: currentTarget.value,
            values: suggestion(options.find(({ path }) => path === currentTarget.value)),
          })
        }
      >
        <option value="">{t.noParameter}</option>
        {!chosen && axis.path !== "" && <option value={axis.path}>{axis.path}</option>}
        {options.map(({ path }) => (
          <option key={path} value={path}>
            {path}
          </option>
        ))}
      </select>
      {axis.path !== "" && (
        <input
          aria-label={`${label}: ${t.values}`}
          title={t.valuesHint}
          value={axis.values}
          placeholder={t.valuesHint}
          onInput={({ currentTarget }) => onChange({ ...axis, values: currentTarget.value })}
        />
      )}
    </fieldset>
  );
}

const SUGGESTIONS: Readonly<Record<string, string>> = {
  seed: "1-4",
  steps: "10, 20, 40",
  CFGScale: "2, 4, 6",
  scheduler: "Default, Euler, Heun, DPM++ 2M",
  "inputs.strength": "0.4, 0.6, 0.8",
};

/** Initial values. */
function suggestion(option: AxisOption | undefined): string {
  if (option === undefined) return "";
  return SUGGESTIONS[option.path] ?? (option.choices.length > 0 ? option.choices.slice(0, 3).join(", ") : "1, 2, 3");
}
