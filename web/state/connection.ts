/** The server: whether it is there, who we are to it, and what it says of itself. */

import { signal } from "@preact/signals";
import { ApiError, request, useKey } from "../api/server.ts";
import { watchTasks } from "../api/socket.ts";
import type { Status, WatchEvent } from "../api/types.ts";
import { loadModels } from "./models.ts";
import { dropListed, noteListed } from "./picture-list.ts";
import { recent } from "./pictures.ts";
import { previews } from "./preferences.ts";
import { settle } from "./stage.ts";
import { attach, hear, unfinished } from "./work.ts";

export type Access =
  | { readonly kind: "unknown" }
  | { readonly kind: "open" }
  /** A key is needed; `wrong`: the one given is not known. */
  | { readonly kind: "key"; readonly wrong: boolean }
  /** The server has no keys and takes calls of its own machine only. */
  | { readonly kind: "elsewhere" };

export const access = signal<Access>({ kind: "unknown" });
/** When the next try is made, while the server is away. */
export const awayUntil = signal<number | undefined>(undefined);
export const status = signal<Status | undefined>(undefined);

const KEY = "inkstone.key";
/** The key of this session, or the one that is remembered. */
export const keptKey = (): string | undefined => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? undefined;

/** `#key=…` of a link to a phone: taken, and removed from the address at once. */
function keyOfAddress(): void {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  sessionStorage.setItem(KEY, key);
  history.replaceState(null, "", location.pathname + location.search);
}

let closeSocket = () => {};

/** Connects, with the key that is kept if there is one; called at start and whenever the key changes. */
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

/** Takes what happened to its place, whoever did it: this page, another one, a program with the same key. */
function take(event: WatchEvent): void {
  if (event.event === "picture") noteListed(event.picture);
  else if (event.event === "gone") dropListed(new Set(event.imageUUIDs));
  else if (event.event === "models") void loadModels().catch(() => {});
  else hear(event);
}

/** After a (re)connection: what happened meanwhile. Nothing is submitted. */
async function catchUp(): Promise<void> {
  await Promise.allSettled([attach(), loadModels(), readStatus(), recent.show({ kind: "drawn" })]);
  settle();
}

export async function readStatus(): Promise<void> {
  status.value = await request<Status>("GET", "/v1/status").catch(() => status.value);
}

const STATUS_MS = 5000;

/** Asks how the server is while something depends on it: a full disk shows in mid-task. Called once. */
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
