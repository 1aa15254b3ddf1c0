/** API keys in the database that servers share. A created or revoked key takes effect everywhere within seconds. */

import { randomUUID } from "node:crypto";
import { type Database, DatabaseUnavailableError } from "../database/index.ts";
import { type KeyLimits, type KeyRing, type KeyStore, type KnownKey, newKey, remember } from "./api-keys.ts";

/** Milliseconds after which the keys are read again. */
const FRESH_MS = 2_000;

/**
 * The keys of a database.
 * @param file the keys of the data folder's file, which are imported. A key that was revoked later is not imported
 * again
 * @param now monotonic milliseconds: a clock that is set back must not keep a revoked key valid
 */
export async function openKeyTable(
  db: Database,
  file: KeyRing,
  now: () => number = () => performance.now(),
): Promise<KeyStore> {
  let kept: { readonly at: number; readonly keys: readonly KnownKey[]; readonly isOpen: boolean } | undefined;

  const remembered = async ({ id, name, hint, hash, createdAt, maxWaiting, maxStoredMB }: KnownKey) =>
    db.query(
      `insert into api_keys (id, name, hint, hash, created_at, max_waiting, max_stored_mb)
       values ($1, $2, $3, $4, $5::timestamptz, $6, $7) on conflict do nothing`,
      [id, name, hint, hash, createdAt, maxWaiting ?? null, maxStoredMB ?? null],
    );
  for (const known of await file.list()) await remembered(known);

  /** Reads the keys. While the database is unreachable, returns the last known keys. */
  async function read() {
    if (kept !== undefined && now() - kept.at < FRESH_MS) return kept;
    try {
      const rows = await db.query<KeyRow>(
        `select id, name, hint, hash, created_at, revoked_at is not null as revoked, max_waiting, max_stored_mb
         from api_keys order by created_at, id`,
      );
      const keys = rows.filter(({ revoked }) => !revoked).map(readRow);
      kept = { at: now(), keys, isOpen: rows.length === 0 };
    } catch (error) {
      if (kept === undefined || !(error instanceof DatabaseUnavailableError)) throw error;
    }
    return kept;
  }

  return {
    list: async () => (await read()).keys,
    isOpen: async () => (await read()).isOpen,
    create: async (name, limits = {}) => {
      const key = newKey();
      const known = remember(key, { id: randomUUID(), name, createdAt: new Date().toISOString(), ...limits });
      await remembered(known);
      kept = undefined;
      return { key, known };
    },
    limit: async (id, limits) => {
      const limited = await db.query(
        `update api_keys set max_waiting = case when $2::boolean then $3::int else max_waiting end,
                             max_stored_mb = case when $4::boolean then $5::int else max_stored_mb end
         where (id = $1 or hint = $1) and revoked_at is null returning id`,
        [id, ...given(limits, "maxWaiting"), ...given(limits, "maxStoredMB")],
      );
      kept = undefined;
      return limited.length > 0;
    },
    revoke: async (id) => {
      const revoked = await db.query(
        "update api_keys set revoked_at = now() where (id = $1 or hint = $1) and revoked_at is null returning id",
        [id],
      );
      kept = undefined;
      return revoked.length > 0;
    },
  };
}

/** Tells apart an absent limit and a limit of undefined, and returns its value. */
const given = (limits: KeyLimits, name: keyof KeyLimits) => [name in limits, limits[name] ?? null];

interface KeyRow {
  id: string;
  name: string;
  hint: string;
  hash: string;
  created_at: Date;
  revoked: boolean;
  max_waiting: number | null;
  max_stored_mb: number | null;
}

const readRow = ({ id, name, hint, hash, created_at, max_waiting, max_stored_mb }: KeyRow): KnownKey => ({
  id,
  name,
  hint,
  hash,
  createdAt: created_at.toISOString(),
  ...(max_waiting !== null && { maxWaiting: max_waiting }),
  ...(max_stored_mb !== null && { maxStoredMB: max_stored_mb }),
});
