/** The action of the button: from the draft to tasks, and the handling of a refusal. */

import { computed, signal } from "@preact/signals";
import { ApiError, ServerAway } from "../api/server.ts";
import type { ErrorItem, Parameters } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { expandWildcards } from "../prompt/wildcards.ts";
import { words } from "../text/index.ts";
import { readStatus } from "./connection.ts";
import { draft, rememberPrompt } from "./draft.ts";
import { modelsKnown } from "./models.ts";
import { spoken, tell } from "./notices.ts";
import { look } from "./stage.ts";
import { submit } from "./work.ts";

/** Why the last press of the button failed; cleared by the next press. */
export const refusal = signal<{ readonly error: ErrorItem; readonly until?: number } | undefined>(undefined);

/** The tasks of the draft: one for each prompt that its wildcards give. */
export const drafted = computed((): readonly Parameters[] =>
  expandWildcards(draft.value.positivePrompt ?? "").map((positivePrompt) => ({ ...draft.value, positivePrompt })),
);

export const draftedPictures = computed(() => drafted.value.length * (draft.value.numberResults ?? 1));

/** Submits the draft. */
export async function draw(): Promise<void> {
  const prompt = draft.value.positivePrompt?.trim() ?? "";
  if (prompt === "") {
    document.querySelector<HTMLTextAreaElement>("#prompt")?.focus();
    return;
  }
  rememberPrompt(draft.value.positivePrompt ?? "");
  await modelsKnown;
  await drawAll(drafted.value);
}

/** Submits tasks and shows them. Returns their group when they were accepted. The draft stays in any case. */
export async function drawAll(tasks: readonly Parameters[], show = true): Promise<string | undefined> {
  const group = randomUuid();
  refusal.value = undefined;
  if (show) look({ kind: "group", group });
  try {
    await submit(tasks, group);
    spoken.value = words.value.queuedNow;
    return group;
  } catch (thrown) {
    if (show) look(undefined);
    refuse(thrown);
    return undefined;
  }
}

function refuse(thrown: unknown): void {
  if (thrown instanceof ApiError) {
    const { item } = thrown;
    const seconds = item.retryAfter;
    refusal.value = { error: item, ...(seconds !== undefined && { until: Date.now() + 1000 * seconds }) };
    spoken.value = item.message;
    if (item.code === "serviceUnavailable") void readStatus();
  } else if (thrown instanceof ServerAway) tell({ text: words.value.awayKept, tone: "problem" });
  else throw thrown;
}
