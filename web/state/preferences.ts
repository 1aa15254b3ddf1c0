/** Preferences of the user: language, theme, previews. */

import { computed, effect } from "@preact/signals";
import { stored } from "./stored.ts";

export type Language = "en" | "zh";
export type Theme = "system" | "light" | "dark";

const preferred: Language = navigator.languages.find((tag) => /^(en|zh)/.test(tag))?.startsWith("zh") ? "zh" : "en";

export const language = stored<Language>("language", preferred);
export const theme = stored<Theme>("theme", "system");
export const previews = stored("previews", true);

/** How long images can be kept, in seconds. The longest time in the API means without a limit. */
export const FOR_GOOD = 3_153_600_000;
export const KEEPING = [FOR_GOOD, 30 * 86_400, 7 * 86_400, 86_400] as const;
/** How long new images are kept. */
export const keepSeconds = stored<number>("keep", FOR_GOOD);

const dayAndTime = computed(() => new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }));
const day = computed(() => new Intl.DateTimeFormat(language.value, { day: "numeric", month: "long", year: "numeric" }));

const month = computed(() => new Intl.DateTimeFormat(language.value, { month: "short", year: "numeric" }));

export const formatMonth = (day: Date): string => month.value.format(day);
export const formatTime = (iso: string): string => dayAndTime.value.format(new Date(iso));
export const formatDay = (iso: string): string => day.value.format(new Date(iso));

/** `1.4 MB` */
export function formatBytes(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const options = { style: "unit", unit: units[power]!, maximumFractionDigits: power < 2 ? 0 : 1 } as const;
  return new Intl.NumberFormat(language.value, options).format(bytes / 1000 ** power);
}

/** Applies theme and language to the document. Called once. */
export function followPreferences(): void {
  effect(() => {
    const root = document.documentElement;
    root.lang = language.value === "zh" ? "zh-Hans" : "en";
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
}
