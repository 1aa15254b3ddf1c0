/** The images of an owner as a gallery: list, search, star, keep and delete. */

import type { Database } from "../database/index.ts";

/** Where a picture comes from: a drawing task, an image made from another one (guide, enlarged, traced), or a client. */
export type PictureKind = "drawn" | "derived" | "upload";

/** An image with an existing file. */
export interface GalleryPicture {
  readonly imageUUID: string;
  readonly fileName: string;
  readonly kind: PictureKind;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly starred: boolean;
  readonly seed?: string | undefined;
  /** The task that reproduces it, as JSON text. */
  readonly parameters?: string | undefined;
  readonly parents: readonly string[];
  readonly taskUUID?: string | undefined;
  readonly index?: number | undefined;
  readonly NSFWContent?: boolean | undefined;
}

/** A search over the images of an owner. Absent criteria match everything. */
export interface GalleryQuery {
  readonly limit: number;
  /** The end of the previous page. */
  readonly cursor?: string | undefined;
  /** Words that the prompt must contain, all of them. */
  readonly words?: readonly string[];
  readonly starred?: boolean | undefined;
  readonly kind?: PictureKind | undefined;
  readonly model?: string | undefined;
  readonly taskUUID?: string | undefined;
  /** Only images made from this image. */
  readonly parent?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Images in the bin, instead of those outside it. */
  readonly binned?: boolean;
}

export interface GalleryPage {
  readonly pictures: readonly GalleryPicture[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string | undefined;
}

export interface GalleryTotals {
  readonly pictures: number;
  readonly bytes: number;
  readonly binned: number;
}

export interface Gallery {
  /** Returns one page, newest first. Throws `RangeError` for an invalid cursor. */
  list(owner: string, query: GalleryQuery): Promise<GalleryPage>;
  find(owner: string, imageUUID: string): Promise<GalleryPicture | undefined>;
  /** Stars an image, or sets its time of deletion; null keeps it until it is deleted. Returns the changed image. */
  change(
    owner: string,
    imageUUID: string,
    change: { readonly starred?: boolean | undefined; readonly expiresAt?: Date | null | undefined },
  ): Promise<GalleryPicture | undefined>;
  /** Moves images to the bin and returns those that existed. Their files are deleted after `BIN_SECONDS`. */
  bin(owner: string, imageUUIDs: readonly string[]): Promise<readonly string[]>;
  /** Takes images out of the bin and returns those that were in it. */
  restore(owner: string, imageUUIDs: readonly string[]): Promise<readonly string[]>;
  totals(owner: string): Promise<GalleryTotals>;
  /** Expires all images in the bin of an owner and returns their number. */
  emptyBinOf(owner: string): Promise<number>;
  /** Expires images that were binned long enough ago. The next sweep of the files deletes them. */
  emptyBin(): Promise<void>;
}

/** Seconds during which images can be taken out of the bin. */
export const BIN_SECONDS = 600;

/** The retention of images without an end. A null would need a special case in every comparison. */
const FOR_GOOD_YEARS = 100;
const isForGood = (date: Date) => date.getTime() > Date.now() + (FOR_GOOD_YEARS / 2) * 365 * 24 * 3600 * 1000;

/** The time of deletion in replies; null for images without an end. */
export const endOf = ({ expiresAt }: GalleryPicture): Date | null => (isForGood(expiresAt) ? null : expiresAt);

const LIVE = "i.deleted_at is null and i.delete_at > now()";

const SELECT = `
  select i.image_uuid, i.file_name, i.width, i.height, i.byte_length, i.created_at, i.created_at::text as at, i.delete_at,
         i.starred, i.seed, i.parameters, i.parents, i.index, i.nsfw, i.input_uuid, t.task_uuid
  from images i left join tasks t on t.id = i.task_id`;

const KINDS: Readonly<Record<PictureKind, string>> = {
  drawn: "i.index is not null and i.input_uuid is null",
  derived: "i.input_uuid is not null",
  upload: "i.index is null",
};

/** The gallery over the table `images`. */
export function createGallery(db: Database): Gallery {
  async function list(owner: string, query: GalleryQuery): Promise<GalleryPage> {
    const values: unknown[] = [owner];
    const value = (given: unknown) => `$${values.push(given)}`;
    const conditions = ["i.owner = $1", LIVE, `i.binned_at is ${query.binned ? "not null" : "null"}`];
    const given = <T>(filter: T | undefined, condition: (filter: T) => string) => {
      if (filter !== undefined) conditions.push(condition(filter));
    };
    given(query.cursor, (cursor) => {
      const { at, imageUUID } = readCursor(cursor);
      return `(i.created_at, i.image_uuid) < (${value(at)}::timestamptz, ${value(imageUUID)})`;
    });
    for (const word of query.words ?? []) {
      conditions.push(
        `i.parameters::json->>'positivePrompt' ilike ${value(`%${word.replaceAll(/[\\%_]/g, "\\$&")}%`)}`,
      );
    }
    given(query.starred, (starred) => `i.starred = ${value(starred)}`);
    given(query.kind, (kind) => KINDS[kind]);
    given(query.model, (model) => `i.parameters::json->>'model' = ${value(model)}`);
    given(query.taskUUID, (taskUUID) => `t.task_uuid = ${value(taskUUID)}`);
    given(query.parent, (parent) => `i.parents @> array[${value(parent)}]`);
    given(query.from, (from) => `i.created_at >= ${value(from)}`);
    given(query.to, (to) => `i.created_at < ${value(to)}`);
    const rows = await db.query<GalleryRow>(
      `${SELECT} where ${conditions.join(" and ")}
       order by i.created_at desc, i.image_uuid desc limit ${value(query.limit + 1)}`,
      values,
    );
    const page = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? page.at(-1) : undefined;
    return { pictures: page.map(readRow), next: last && `${last.at}~${last.image_uuid}` };
  }

  async function find(owner: string, imageUUID: string): Promise<GalleryPicture | undefined> {
    const rows = await db.query<GalleryRow>(`${SELECT} where i.owner = $1 and i.image_uuid = $2 and ${LIVE}`, [
      owner,
      imageUUID.toLowerCase(),
    ]);
    return rows[0] && readRow(rows[0]);
  }

  async function setBinned(owner: string, imageUUIDs: readonly string[], binned: boolean): Promise<readonly string[]> {
    const rows = await db.query<{ image_uuid: string }>(
      `update images i set binned_at = ${binned ? "coalesce(binned_at, now())" : "null"}
       where i.owner = $1 and i.image_uuid = any($2::text[]) and ${LIVE} returning i.image_uuid`,
      [owner, imageUUIDs.map((uuid) => uuid.toLowerCase())],
    );
    return rows.map(({ image_uuid }) => image_uuid);
  }

  return {
    list,
    find,
    async change(owner, imageUUID, { starred, expiresAt }) {
      const end = expiresAt === null ? new Date(Date.now() + FOR_GOOD_YEARS * 365 * 24 * 3600 * 1000) : expiresAt;
      await db.query(
        `update images i set starred = coalesce($3::boolean, starred), delete_at = coalesce($4::timestamptz, delete_at)
         where i.owner = $1 and i.image_uuid = $2 and ${LIVE}`,
        [owner, imageUUID.toLowerCase(), starred ?? null, end ?? null],
      );
      return find(owner, imageUUID);
    },
    bin: (owner, imageUUIDs) => setBinned(owner, imageUUIDs, true),
    restore: (owner, imageUUIDs) => setBinned(owner, imageUUIDs, false),
    async totals(owner) {
      const [row] = await db.query<GalleryTotals>(
        `select (count(*) filter (where binned_at is null))::int as pictures,
                coalesce(sum(byte_length), 0)::float8 as bytes,
                (count(*) filter (where binned_at is not null))::int as binned
         from images i where i.owner = $1 and ${LIVE}`,
        [owner],
      );
      return row!;
    },
    async emptyBinOf(owner) {
      const rows = await db.query(
        `update images i set delete_at = now() - interval '1 second'
         where i.owner = $1 and i.binned_at is not null and ${LIVE} returning i.image_uuid`,
        [owner],
      );
      return rows.length;
    },
    async emptyBin() {
      await db.query(
        `update images set delete_at = now()
         where binned_at < now() - make_interval(secs => $1) and deleted_at is null and delete_at > now()`,
        [BIN_SECONDS],
      );
    },
  };
}

function readCursor(cursor: string): { at: string; imageUUID: string } {
  const [at = "", imageUUID = ""] = cursor.split("~");
  if (!/^\d{4}-\d\d-\d\d[ T][\d:.]+[+-][\d:]+$/.test(at) || !/^[0-9a-f-]{36}$/.test(imageUUID)) {
    throw new RangeError("not a cursor of this list");
  }
  return { at, imageUUID };
}

interface GalleryRow {
  image_uuid: string;
  file_name: string;
  width: number;
  height: number;
  byte_length: number;
  created_at: Date;
  at: string;
  delete_at: Date;
  starred: boolean;
  seed: string | null;
  parameters: string | null;
  parents: string[];
  index: number | null;
  nsfw: boolean | null;
  input_uuid: string | null;
  task_uuid: string | null;
}

function readRow(row: GalleryRow): GalleryPicture {
  return {
    imageUUID: row.image_uuid,
    fileName: row.file_name,
    kind: row.index === null ? "upload" : row.input_uuid === null ? "drawn" : "derived",
    width: row.width,
    height: row.height,
    byteLength: row.byte_length,
    createdAt: row.created_at,
    expiresAt: row.delete_at,
    starred: row.starred,
    seed: row.index === null ? undefined : (row.seed ?? undefined),
    parameters: row.parameters ?? undefined,
    parents: row.parents,
    taskUUID: row.task_uuid ?? undefined,
    index: row.index ?? undefined,
    NSFWContent: row.nsfw ?? undefined,
  };
}
