import { createHash } from "node:crypto";
import type { Database } from "./database.ts";
import { type Migration, migrations } from "./migrations.ts";

/**
 * The advisory lock of migrations. Servers that start at once take turns on it. The number is arbitrary and must never
 * change.
 */
const LOCK = 4_951_427_308;

/** The database was written by a newer version of the program, or an applied migration was changed. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** Updates the tables, forward only. Each migration commits together with its row, so that none runs twice. */
export async function migrate(database: Database, wanted: readonly Migration[] = migrations): Promise<void> {
  await database
    .script(
      "create table if not exists migrations (number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())",
    )
    .catch((error) => {
      // If two servers start at once, "if not exists" can still collide in the catalogue. The other server has then
      // created it.
      if (!(error instanceof Error && "code" in error && ["23505", "42P07", "42710"].includes(error.code as string)))
        throw error;
    });
  for (const migration of wanted) await applyOnce(database, migration, wanted.length);
}

async function applyOnce(database: Database, migration: Migration, newest: number): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query("select pg_advisory_xact_lock($1)", [LOCK]);
    const applied = await tx.query<{ number: number; checksum: string }>("select number, checksum from migrations");
    const ahead = applied.find((row) => row.number > newest);
    if (ahead) {
      throw new MigrationError(
        `the database is at version ${ahead.number}, but this program supports only ${newest}: upgrade the program`,
      );
    }
    const before = applied.find((row) => row.number === migration.number);
    const checksum = createHash("sha256").update(migration.statements.join(";")).digest("hex");
    if (before) {
      if (before.checksum === checksum) return;
      throw new MigrationError(`migration ${migration.number} (${migration.name}) was changed after it was applied`);
    }
    for (const statement of migration.statements) await tx.query(statement);
    await tx.query("insert into migrations (number, name, checksum) values ($1, $2, $3)", [
      migration.number,
      migration.name,
      checksum,
    ]);
  });
}
