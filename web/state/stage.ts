/** What the stage shows. Nothing takes its place but an act of the person. */

import { computed, signal } from "@preact/signals";
import type { Picture } from "../api/types.ts";
import { recent } from "./pictures.ts";
import { isUnfinished, type Work, works } from "./work.ts";

export type Looked =
  /** The tasks of one press of the button. */
  { readonly kind: "group"; readonly group: string } | { readonly kind: "picture"; readonly imageUUID: string };

const chosen = signal<Looked | undefined>(undefined);
/** Pictures that were there when the person last chose what to look at. */
const seen = signal<ReadonlySet<string>>(new Set());

/** Looks at something; without it at what is being drawn, else at the newest picture. From then on nothing else takes its place. */
export function look(next: Looked | undefined = first()): void {
  chosen.value = next;
  seen.value = new Set(recent.items.value.map(({ imageUUID }) => imageUUID));
}

/** Once the lists are there: what is shown stays, whatever comes. */
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

/** The tasks that are looked at, in the order in which they were handed in. */
export const lookedWorks = computed((): readonly Work[] => {
  const { value } = looked;
  if (value?.kind !== "group") return [];
  return works.value.filter(({ group }) => group === value.group).toReversed();
});

/** The one picture that is looked at, if it is one. */
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

/** How many pictures came while something else was looked at. */
export const unseen = computed(() => {
  if (chosen.value === undefined) return 0;
  const own = new Set(lookedWorks.value.flatMap(({ results }) => results.map(({ imageUUID }) => imageUUID)));
  if (seen.value.size === 0) return 0;
  return recent.items.value.filter(({ imageUUID }) => !seen.value.has(imageUUID) && !own.has(imageUUID)).length;
});
