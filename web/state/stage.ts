/** The content of the stage. Only an action of the user replaces it. */

import { computed, signal } from "@preact/signals";
import type { Picture } from "../api/types.ts";
import { recent } from "./pictures.ts";
import { isUnfinished, type Work, works } from "./work.ts";

export type Looked =
  /** The tasks of one request. */
  { readonly kind: "group"; readonly group: string } | { readonly kind: "picture"; readonly imageUUID: string };

const chosen = signal<Looked | undefined>(undefined);
/** Images that existed when the user last chose what to show. */
const seen = signal<ReadonlySet<string>>(new Set());

/** Shows something; by default the running task, else the newest image. From then on nothing else replaces it. */
export function look(next: Looked | undefined = first()): void {
  chosen.value = next;
  seen.value = new Set(recent.items.value.map(({ imageUUID }) => imageUUID));
}

/** Call it when the lists are loaded: from then on the stage keeps its content. */
export function settle(): void {
  if (chosen.value === undefined) look();
}

function first(): Looked | undefined {
  const [work] = works.value.filter(isUnfinished);
  if (work !== undefined) return { kind: "group", group: work.group };
  const [newest] = recent.items.value;
  return newest && { kind: "picture", imageUUID: newest.imageUUID };
}

export const looked = computed((): Looked | undefined => chosen.value ?? first());

/** The tasks on the stage, in the order of their submission. */
export const lookedWorks = computed((): readonly Work[] => {
  const { value } = looked;
  if (value?.kind !== "group") return [];
  return works.value.filter(({ group }) => group === value.group).toReversed();
});

/** The image on the stage, if it shows one. */
export const lookedPicture = computed((): Picture | undefined => {
  const { value } = looked;
  if (value?.kind === "picture") {
    const all = [...recent.items.value, ...works.value.flatMap(({ results }) => results)];
    return all.find(({ imageUUID }) => imageUUID === value.imageUUID);
  }
  const [only, ...others] = lookedWorks.value;
  if (only === undefined || others.length > 0 || (only.parameters.numberResults ?? 1) > 1) return undefined;
  const [result] = only.results;
  return result && (recent.items.value.find(({ imageUUID }) => imageUUID === result.imageUUID) ?? result);
});

/** Number of images that were finished while something else was shown. */
export const unseen = computed(() => {
  if (chosen.value === undefined) return 0;
  const own = new Set(lookedWorks.value.flatMap(({ results }) => results.map(({ imageUUID }) => imageUUID)));
  if (seen.value.size === 0) return 0;
  return recent.items.value.filter(({ imageUUID }) => !seen.value.has(imageUUID) && !own.has(imageUUID)).length;
});
