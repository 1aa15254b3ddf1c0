/** A parameter that the engine refuses. The message has its name, the value given and the values allowed. */
export class ParameterError extends Error {
  override readonly name = "ParameterError";
  readonly parameter: string;
  constructor(parameter: string, message: string) {
    super(message);
    this.parameter = parameter;
  }
}

/**
 * Checks one parameter.
 * @param allowed the accepted values, in words
 * @throws ParameterError unless `ok`
 */
export function check(ok: boolean, parameter: string, value: unknown, allowed: string): asserts ok {
  if (ok) return;
  const given = typeof value === "string" ? `"${value}"` : String(value);
  throw new ParameterError(parameter, `${parameter} is ${given}; allowed: ${allowed}`);
}

/** @throws ParameterError unless the value is an integer from `min` to `max` */
export function checkInteger(
  parameter: string,
  value: number | undefined,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  check(Number.isInteger(value) && value! >= min && value! <= max, parameter, value, `a whole number ${range}`);
}

/** @throws ParameterError unless the value is a number from `min` to `max` */
export function checkNumber(parameter: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  const range = max === Number.POSITIVE_INFINITY ? `from ${min}` : `from ${min} to ${max}`;
  check(typeof value === "number" && value >= min && value <= max, parameter, value, `a number ${range}`);
}

/** @throws ParameterError unless the value is one of these words */
export function checkOneOf(parameter: string, value: string, words: readonly string[]): void {
  check(words.includes(value), parameter, value, words.join(", "));
}

/** @throws ParameterError unless the image has exactly this size and number of channels */
export function checkPicture(
  parameter: string,
  picture: { width: number; height: number; pixels: Uint8Array } | undefined,
  { width, height, channels }: { width: number; height: number; channels: number },
): void {
  const bytes = width * height * channels;
  const fits = picture?.width === width && picture.height === height && picture.pixels.length === bytes;
  const given = picture && `${picture.width}×${picture.height} with ${picture.pixels.length} bytes`;
  check(fits, parameter, given, `exactly ${width}×${height} with ${bytes} bytes`);
}

/** False when one of the values is NaN or infinite. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0; // 0 for every finite number, otherwise NaN
  return sum === 0;
}
