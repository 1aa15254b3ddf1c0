/** All settings of the server. This table produces the flags, environment variables, checks and reference page. */

import { describeField } from "../fields/index.ts";
import { DRAWING } from "./drawing.ts";
import { KEEPING } from "./keeping.ts";
import { SERVING } from "./serving.ts";
import type { Setting } from "./setting.ts";

/** The settings by subject. */
export const SETTING_GROUPS = { Server: SERVING, Storage: KEEPING, Generation: DRAWING } as const;

export const SETTINGS = { ...SERVING, ...KEEPING, ...DRAWING } as const;

export type SettingName = keyof typeof SETTINGS;

/** The description of a setting, and the meaning of its absence, for help texts and the reference page. */
export function describeSetting({ field: schema }: Setting): { readonly about: string; readonly otherwise: string } {
  const facts = describeField(schema);
  return { about: facts.about, otherwise: String(facts.default ?? "") };
}
