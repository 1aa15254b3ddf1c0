/** Values of one axis of a sheet, as users write them: `1, 2, 5`, `1-4`, `2-4 / 0.5`, `Euler, Heun`. */

type AxisValue = string | number | bigint;

const RANGE = /^(-?\d+(?:\.\d+)?)\s*[-–…]\s*(-?\d+(?:\.\d+)?)(?:\s*\/\s*(\d+(?:\.\d+)?))?$/;

/** Most values; more are cut off. */
const MOST_VALUES = 64;

/** The values in a text. For `type` "integer" or "number" only numbers count. */
export function valuesOf(text: string, type: string | undefined): readonly AxisValue[] {
  const parts = text
    .split(/[,，\n]/)
    .map((part) => part.trim())
    .filter(Boolean);
  const isNumber = type === "integer" || type === "number";
  const values = parts.flatMap((part): readonly AxisValue[] => {
    if (!isNumber) return [part];
    const range = RANGE.exec(part);
    if (range !== null) return counted(Number(range[1]), Number(range[2]), Number(range[3] ?? 1));
    if (!/^-?\d+(\.\d+)?$/.test(part)) return [];
    const long = /^\d{16,}$/.test(part) ? BigInt(part) : undefined;
    return [long ?? Number(part)];
  });
  return [...new Set(values)].slice(0, MOST_VALUES);
}

function counted(from: number, to: number, step: number): readonly number[] {
  if (step <= 0 || to < from) return [];
  const count = Math.min(MOST_VALUES, Math.floor((to - from) / step + 1e-9) + 1);
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toFixed(6)));
}
