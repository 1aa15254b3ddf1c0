/** Actions on finished images, and the images on screen. */

import { signal } from "@preact/signals";
import { request } from "../api/server.ts";
import type { Picture } from "../api/types.ts";
import { words } from "../text/index.ts";
import { tell } from "./notices.ts";
import { announcePicture, changeListed, createPictureList, dropListed, putBackListed } from "./picture-list.ts";

/** All results, newest first: the strip below the stage. */
export const recent = createPictureList({ kind: "drawn" });
/** The gallery with its filter. */
export const gallery = createPictureList({});

/** The two images to compare. */
export const compared = signal<readonly [Picture, Picture] | undefined>(undefined);

export async function star(picture: Picture, starred = !picture.starred): Promise<void> {
  changeListed(picture, { starred });
  try {
    changeListed(picture, await request<Picture>("PATCH", `/v1/pictures/${picture.imageUUID}`, { starred }));
  } catch {
    changeListed(picture, { starred: picture.starred });
    tell({ text: words.value.notSaved, tone: "problem" });
  }
}

/** Moves these images to the bin. A notice offers to undo it. */
export async function bin(pictures: readonly Picture[]): Promise<void> {
  if (pictures.length === 0) return;
  const imageUUIDs = pictures.map(({ imageUUID }) => imageUUID);
  dropListed(new Set(imageUUIDs));
  try {
    for (const some of inHundreds(imageUUIDs)) await request("POST", "/v1/pictures/bin", { imageUUIDs: some });
    tell({
      text: words.value.binned(pictures.length),
      action: { label: words.value.undo, run: () => restore(pictures) },
    });
  } catch {
    putBackListed(pictures);
    tell({ text: words.value.notSaved, tone: "problem" });
  }
}

/** Restores images from the bin. */
export async function restore(pictures: readonly Picture[]): Promise<void> {
  for (const some of inHundreds(pictures.map(({ imageUUID }) => imageUUID))) {
    await request("POST", "/v1/pictures/restore", { imageUUIDs: some });
  }
  putBackListed(pictures);
}

const inHundreds = (ids: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(ids.length / 100) }, (_, i) => ids.slice(100 * i, 100 * (i + 1)));

export async function findPicture(imageUUID: string): Promise<Picture> {
  const listed = [...recent.items.value, ...gallery.items.value].find((picture) => picture.imageUUID === imageUUID);
  return listed ?? request<Picture>("GET", `/v1/pictures/${imageUUID}`);
}

/** Uploads a file and returns its image. */
export async function upload(file: Blob): Promise<Picture> {
  // Some systems give no type, or a wrong one. The server reads the bytes.
  const typed = /^image\/(png|jpeg|webp)$/.test(file.type) ? file : new Blob([file], { type: "image/png" });
  const picture = await request<Picture>("POST", "/v1/pictures", typed);
  announcePicture(picture);
  return picture;
}

/** Sets how long an image is kept; null: until the user deletes it. */
export async function keepUntil(picture: Picture, expiresAt: string | null): Promise<void> {
  try {
    changeListed(picture, await request<Picture>("PATCH", `/v1/pictures/${picture.imageUUID}`, { expiresAt }));
  } catch {
    tell({ text: words.value.notSaved, tone: "problem" });
  }
}

/** Deletes the images in the bin immediately. */
export const emptyBin = (): Promise<unknown> => request("DELETE", "/v1/pictures?binned=true");

/** Saves an image as a file. */
export function download(picture: Picture): void {
  const link = document.createElement("a");
  link.href = pathOfImage(picture);
  link.download = fileNameOf(picture);
  link.click();
}

/** The address in the page's origin, whatever the public address of the server is. */
export const pathOfImage = ({ imageURL }: Picture): string => `/images/${imageURL.split("/").at(-1)}?direct=1`;
export const thumbnail = ({ imageUUID }: Picture, side: 160 | 320 | 640): string =>
  `/images/${imageUUID}.webp?side=${side}`;

/** True when it can be edited and enlarged. Traced shapes cannot. */
export const hasPixels = ({ imageURL }: Picture): boolean => !imageURL.endsWith(".svg");

function fileNameOf(picture: Picture): string {
  const name = (picture.parameters?.positivePrompt ?? "picture").slice(0, 48).replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  const end = picture.imageURL.split(".").at(-1);
  return `${name.replaceAll(/^-|-$/g, "") || "picture"}-${picture.seed ?? picture.imageUUID.slice(0, 8)}.${end}`;
}
