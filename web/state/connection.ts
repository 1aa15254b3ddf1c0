/** The connection to the server: whether it answers, the access of the user, and its status. */

import { signal } from "@preact/signals";
import { ApiError, request, useKey } from "../api/server.ts";
import { watchTasks } from "../api/socket.ts";
import type { Status, WatchEvent } from "../api/types.ts";
import { loadModels, model, prepare } from "./models.ts";
import { dropListed, noteListed } from "./picture-list.ts";
import { recent } from "./pictures.ts";
import { previews } from "./preferences.ts";
import { settle } from "./stage.ts";
import { attach, hear, unfinished } from "./work.ts";

export type Access =
  | { readonly kind: "unknown" }
  | { readonly kind: "open" }
  /** The server requires a key; `wrong`: it does not know the given one. */
  | { readonly kind: "key"; readonly wrong: boolean }
  /** The server has no keys and accepts only its own machine. */
  | { readonly kind: "elsewhere" };

export const access = signal<Access>({ kind: "unknown" });
/** Time of the next attempt, while the server does not answer. */
export const awayUntil = signal<number | undefined>(undefined);
export const status = signal<Status | undefined>(undefined);

const KEY = "inkstone.key";
/** The key of this session, or the remembered one. */
export const keptKey = (): string | undefined => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? undefined;

/** Takes `#key=…` from a link to a phone, and removes it from the address immediately. */
function keyOfAddress(): void {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  sessionStorage.setItem(KEY, key);
  history.replaceState(null, "", location.pathname + location.search);
}

let closeSocket = () => {};

/** Connects, with the stored key if one exists. Called at the start and whenever the key changes. */
export async function connect(): Promise<void> {
  keyOfAddress();
  const key = keptKey();
  useKey(key);
  closeSocket();
  try {
    status.value = await request<Status>("GET", "/v1/status");
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 401) {
      access.value = { kind: "key", wrong: thrown.item.code === "invalidApiKey" };
      return;
    }
    if (thrown instanceof ApiError && thrown.status === 403) {
      access.value = { kind: "elsewhere" };
      return;
    }
  }
  access.value = { kind: "open" };
  closeSocket = watchTasks(key, () => previews.value, {
    onOpen: () => {
      awayUntil.value = undefined;
      void catchUp();
    },
    onEvent: take,
    onAway: (ms) => {
      awayUntil.value = Date.now() + ms;
    },
    onRefused: ({ code }) => {
      if (code === "invalidApiKey" || code === "missingApiKey") access.value = { kind: "key", wrong: true };
    },
  });
}

/** Applies an event, whether this page, another one, or a program with the same key caused it. */
function take(event: WatchEvent): void {
  if (event.event === "picture") noteListed(event.picture);
  else if (event.event === "gone") dropListed(new Set(event.imageUUIDs));
  else if (event.event === "models") void loadModels().catch(() => {});
  else hear(event);
}

/** Updates everything after a (re)connection. It submits nothing. */
async function catchUp(): Promise<void> {
  await Promise.allSettled([attach(), loadModels(), readStatus(), recent.show({ kind: "drawn" })]);
  settle();
  // A model in memory stays: another client may need it for its next image.
  if (status.value?.model === undefined && model.value !== undefined && !document.hidden) await prepare(model.value);
}

export async function readStatus(): Promise<void> {
  status.value = await request<Status>("GET", "/v1/status").catch(() => status.value);
}

const STATUS_MS = 5000;

/** Reads the status while something depends on it: a full disk appears during a task. Called once. */
export function followStatus(): void {
  setInterval(() => {
    const matters = unfinished.value.length > 0 || status.value?.ready === false;
    if (matters && !document.hidden && awayUntil.value === undefined) void readStatus();
  }, STATUS_MS);
}

export function giveKey(key: string, remember: boolean): Promise<void> {
  forgetKey();
  (remember ? localStorage : sessionStorage).setItem(KEY, key);
  return connect();
}

export function forgetKey(): void {
  localStorage.removeItem(KEY);
  sessionStorage.removeItem(KEY);
}

export const hasKey = (): boolean => keptKey() !== undefined;
