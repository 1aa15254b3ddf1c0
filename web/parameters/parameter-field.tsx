import { Plus, Trash2 } from "lucide";
import type { Json, JsonObject } from "../api/json.ts";
import { Button } from "../parts/button.tsx";
import { ChoiceField, Field, NumberField } from "../parts/field.tsx";
import { setParameter, valueAt } from "../state/draft.ts";
import { faultOf } from "../state/fault.ts";
import { resolved, type Schema } from "../state/schema.ts";
import { words } from "../text/index.ts";
import { ImageField } from "./image-field.tsx";
import { ModelField } from "./model-field.tsx";

interface ParameterProps {
  /** Path in the task: `["inputs", "strength"]`. */
  readonly path: readonly string[];
  readonly schema: Schema;
  readonly values: JsonObject;
}

/** One parameter, in the form that its schema requires. Groups and lists contain more parameters. */
export function ParameterField({ path, schema: given, values }: ParameterProps) {
  const schema = resolved(given);
  const name = path.at(-1)!;
  const { properties, items, description } = schema;
  if (properties !== undefined) {
    return (
      <fieldset class="group">
        <legend>{name}</legend>
        {description !== undefined && <p class="about">{description}</p>}
        {Object.entries(properties).map(([key, inner]) => (
          <ParameterField key={key} path={[...path, key]} schema={inner} values={values} />
        ))}
      </fieldset>
    );
  }
  if (items !== undefined && resolved(items).properties !== undefined) {
    return <ListField path={path} schema={schema} values={values} />;
  }
  return (
    <PlainField
      name={name}
      schema={schema}
      value={valueAt(values, path)}
      fault={faultOf(path.join("."))}
      onChange={(value) => setParameter(path, value)}
    />
  );
}

/** A list of groups. The user can add and remove each. */
function ListField({ path, schema, values }: ParameterProps) {
  const name = path.at(-1)!;
  const list = (valueAt(values, path) as readonly JsonObject[] | undefined) ?? [];
  const inner = resolved(schema.items!);
  const set = (next: readonly JsonObject[]) => setParameter(path, next.length === 0 ? undefined : next);
  return (
    <fieldset class="group">
      <legend>{name}</legend>
      {schema.description !== undefined && <p class="about">{schema.description}</p>}
      {list.map((entry, i) => (
        <div class="group-entry" key={i}>
          {Object.entries(inner.properties ?? {}).map(([key, property]) => (
            <PlainField
              key={key}
              name={key}
              schema={resolved(property)}
              value={entry[key]}
              fault={faultOf(`${path.join(".")}.${i}.${key}`)}
              onChange={(value) => set(list.map((one, at) => (at === i ? { ...one, [key]: value } : one)))}
            />
          ))}
          <Button
            kind="quiet"
            icon={Trash2}
            label={words.value.remove}
            onPress={() => set(list.filter((_, at) => at !== i))}
          />
        </div>
      ))}
      {list.length < (schema.maxItems ?? Number.POSITIVE_INFINITY) && (
        <Button icon={Plus} onPress={() => set([...list, {}])}>
          {words.value.add}
        </Button>
      )}
    </fieldset>
  );
}

interface PlainFieldProps {
  readonly name: string;
  readonly schema: Schema;
  readonly value: Json | undefined;
  readonly fault: string | undefined;
  readonly onChange: (value: Json | undefined) => void;
}

const PICTURES = /image$/i;

/** A single value. */
function PlainField({ name, schema, value, fault, onChange }: PlainFieldProps) {
  const { type, description: about, enum: choices, minimum: min, maximum: max, multipleOf: step } = schema;
  const otherwise = schema.default === undefined ? undefined : String(schema.default);
  const shared = { label: name, about, fault };
  if (choices !== undefined) {
    const options = choices.map((choice) => [choice, choice] as const);
    const none = [["", otherwise ?? "–"]] as const;
    return (
      <ChoiceField
        {...shared}
        value={typeof value === "string" ? value : ""}
        options={[...none, ...options.filter(([choice]) => choice !== otherwise)]}
        onChange={(next) => onChange(next === "" ? undefined : next)}
      />
    );
  }
  if (type === "boolean") {
    return (
      <Field {...shared}>
        {(id, described) => (
          <input
            type="checkbox"
            id={id}
            checked={(value ?? schema.default) === true}
            aria-describedby={described}
            onChange={({ currentTarget }) =>
              onChange(currentTarget.checked === (schema.default ?? false) ? undefined : currentTarget.checked)
            }
          />
        )}
      </Field>
    );
  }
  if ((type === "integer" || type === "number") && name !== "seed") {
    const number = typeof value === "number" ? value : undefined;
    const bounded = max !== undefined && max <= 10_000;
    return (
      <NumberField
        {...shared}
        value={number}
        onChange={onChange}
        min={min}
        max={bounded ? max : undefined}
        step={step ?? (type === "integer" ? 1 : 0.01)}
        placeholder={otherwise}
        slider={bounded && min !== undefined}
      />
    );
  }
  if (PICTURES.test(name))
    return <ImageField {...shared} value={typeof value === "string" ? value : undefined} onChange={onChange} />;
  if (name === "model")
    return <ModelField {...shared} value={typeof value === "string" ? value : undefined} onChange={onChange} />;
  return (
    <Field {...shared}>
      {(id, described) => (
        <input
          id={id}
          value={value === undefined ? "" : String(value)}
          placeholder={otherwise}
          aria-describedby={described}
          aria-invalid={fault !== undefined}
          onInput={({ currentTarget: { value: text } }) => onChange(valueOfText(text, type))}
        />
      )}
    </Field>
  );
}

/** Converts typed text to the type of the value. */
function valueOfText(text: string, type: string | undefined): Json | undefined {
  if (text === "") return undefined;
  if (type !== "integer" || !/^\d+$/.test(text)) return text;
  const long = BigInt(text);
  return long <= Number.MAX_SAFE_INTEGER ? Number(long) : long;
}
