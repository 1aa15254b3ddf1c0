/** The words of the page in the person's language. English comes with the page, other languages when asked for. */

import { effect, signal } from "@preact/signals";
import { language } from "../state/preferences.ts";
import { en, type Words } from "./en.ts";

/** The words in use. */
export const words = signal<Words>(en);

/** Follows the choice of language; called once. */
export function followLanguage(): void {
  effect(() => {
    if (language.value === "en") words.value = en;
    else
      void import("./zh.ts").then(({ zh }) => {
        if (language.value === "zh") words.value = zh;
      });
  });
}
