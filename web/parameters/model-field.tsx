import { ChoiceField } from "../parts/field.tsx";
import { models } from "../state/models.ts";

interface ModelFieldProps {
  readonly label: string;
  readonly about?: string | undefined;
  readonly fault?: string | undefined;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

/** One of the installed models, LoRAs and ControlNets. */
export function ModelField({ value, onChange, ...shared }: ModelFieldProps) {
  const options = models.value.map(({ air, name, category }) => [air, `${name} (${category})`] as const);
  return (
    <ChoiceField
      {...shared}
      value={value ?? ""}
      options={[["", "–"], ...options]}
      onChange={(next) => onChange(next === "" ? undefined : next)}
    />
  );
}
