import { words } from "../text/index.ts";
import { refusal } from "./drawing.ts";

/** The server's error for a parameter, from the last press of the button. */
export function faultOf(parameter: string): string | undefined {
  const error = refusal.value?.error;
  const named = error?.parameter === undefined ? [] : [error.parameter].flat();
  return named.includes(parameter) ? error?.message : undefined;
}

/** An error in the user's language, by its code. The message of the server is English. */
export function headlineOf(code: string): string | undefined {
  const { errors, invalidSetting } = words.value;
  return errors[code] ?? (/^(invalid|missing)/.test(code) ? invalidSetting : undefined);
}
