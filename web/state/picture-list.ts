/** Lists of images: pages of the server's gallery, updated when images appear, get a star, or disappear. */

import { type Signal, signal } from "@preact/signals";
import { request } from "../api/server.ts";
import type { Page, Picture } from "../api/types.ts";

export interface PictureQuery {
  readonly q?: string;
  readonly starred?: boolean;
  readonly kind?: string;
  readonly model?: string;
  readonly parent?: string;
  readonly binned?: boolean;
  /** Created before this time. */
  readonly to?: string;
}

export interface PictureList {
  readonly items: Signal<readonly Picture[]>;
  /** Undefined until the first page is loaded. */
  readonly state: Signal<"loading" | "more" | "complete" | "failed">;
  /** Loads the next page, unless one is loading or none is left. */
  more(): Promise<void>;
  /** Starts again with another query. */
  show(query: PictureQuery): Promise<void>;
  /** Stops updating the list. */
  end(): void;
}

/** The first page is small, so that it loads quickly. The others have the most images that the API allows. */
const FIRST_PAGE = 100;
const PAGE = 500;
const lists = new Set<{ items: Signal<readonly Picture[]>; admits: (picture: Picture) => boolean }>();

export function createPictureList(initial: PictureQuery = {}): PictureList {
  let query = initial;
  let cursor: string | undefined;
  let turn = 0;
  const items = signal<readonly Picture[]>([]);
  const state = signal<"loading" | "more" | "complete" | "failed">("more");

  const admits = (picture: Picture) =>
    !query.binned &&
    (query.to === undefined || new Date(picture.createdAt) < new Date(query.to)) &&
    mentions(picture, query.q ?? "") &&
    (query.starred === undefined || query.starred === picture.starred) &&
    (query.kind === undefined || query.kind === picture.kind) &&
    (query.model === undefined || query.model === picture.parameters?.model) &&
    (query.parent === undefined || picture.parents.includes(query.parent));

  async function more(): Promise<void> {
    if (state.value === "loading" || state.value === "complete") return;
    const mine = turn;
    state.value = "loading";
    const search = new URLSearchParams({ limit: String(cursor === undefined ? FIRST_PAGE : PAGE) });
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== "") search.set(name, String(value));
    if (cursor !== undefined) search.set("cursor", cursor);
    try {
      const page = await request<Page<Picture>>("GET", `/v1/pictures?${search}`);
      if (mine !== turn) return;
      const known = new Set(items.value.map(({ imageUUID }) => imageUUID));
      items.value = [...items.value, ...page.data.filter(({ imageUUID }) => !known.has(imageUUID))];
      cursor = page.next;
      state.value = cursor === undefined ? "complete" : "more";
    } catch {
      if (mine === turn) state.value = "failed";
    }
  }

  const listed = { items, admits };
  lists.add(listed);
  return {
    items,
    state,
    more,
    show(next) {
      query = next;
      cursor = undefined;
      turn++;
      items.value = [];
      state.value = "more";
      return more();
    },
    end: () => void lists.delete(listed),
  };
}

/** True when all words are in the image's prompt, as in the server's search. */
function mentions({ parameters }: Picture, words: string): boolean {
  const prompt = parameters?.positivePrompt?.toLowerCase() ?? "";
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => prompt.includes(word));
}

/** Adds a new image at the top of each list that it belongs to. */
export function announcePicture(picture: Picture): void {
  for (const { items, admits } of lists) {
    if (!admits(picture) || items.value.some(({ imageUUID }) => imageUUID === picture.imageUUID)) continue;
    items.value = [picture, ...items.value];
  }
}

/** The current state of images that were changed here, for components outside of lists. */
export const changedPictures = signal<ReadonlyMap<string, Picture>>(new Map());

/** Changes an image wherever it is listed. */
export function changeListed(picture: Picture, change: Partial<Picture>): void {
  const { imageUUID } = picture;
  const now = changedPictures.value.get(imageUUID) ?? picture;
  changedPictures.value = new Map([...changedPictures.value, [imageUUID, { ...now, ...change }]]);
  for (const { items } of lists) {
    if (!items.value.some((one) => one.imageUUID === imageUUID)) continue;
    items.value = items.value.map((one) => (one.imageUUID === imageUUID ? { ...one, ...change } : one));
  }
}

/** Removes images from every list. */
export function dropListed(imageUUIDs: ReadonlySet<string>): void {
  for (const { items } of lists) items.value = items.value.filter(({ imageUUID }) => !imageUUIDs.has(imageUUID));
}

/** Returns images to their position by time of creation. */
export function putBackListed(pictures: readonly Picture[]): void {
  for (const { items, admits } of lists) {
    const missing = pictures.filter(
      (p) => admits(p) && !items.value.some(({ imageUUID }) => imageUUID === p.imageUUID),
    );
    if (missing.length === 0) continue;
    items.value = [...items.value, ...missing].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }
}

/** Applies the server's current state of an image: new to the lists, or changed elsewhere. */
export function noteListed(picture: Picture): void {
  changeListed(picture, picture);
  putBackListed([picture]);
}
