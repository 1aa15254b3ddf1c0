/** Short messages that disappear again. Screen readers read them. */

import { signal } from "@preact/signals";

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone?: "quiet" | "problem";
  readonly action?: { readonly label: string; readonly run: () => void };
}

export const notices = signal<readonly Notice[]>([]);
/** Text for screen readers only. */
export const spoken = signal("");

const SECONDS = 8;
const SECONDS_WITH_ACTION = 20;
let lastId = 0;

export function tell(notice: Omit<Notice, "id">): void {
  const id = ++lastId;
  notices.value = [...notices.value.slice(-2), { ...notice, id }];
  setTimeout(() => dismiss(id), 1000 * (notice.action === undefined ? SECONDS : SECONDS_WITH_ACTION));
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
