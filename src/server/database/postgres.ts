import { createHash } from "node:crypto";
import pg from "pg";
import type { Database, Queryable, Row } from "./database.ts";
import { listenPostgres } from "./postgres-listen.ts";
import { asUnavailable } from "./unavailable.ts";

export interface PostgresOptions {
  readonly url: string;
  /** Connections for statements. Default: 8. One more connection listens. */
  readonly maxConnections?: number;
  /** The address for the listening connection, if `url` leads to a pooler in transaction mode. */
  readonly listenUrl?: string;
  /** Milliseconds to wait for an answer. A connection that was cut silently never answers. Default: 30 s. */
  readonly answerTimeout?: number;
  /**
   * Called once if a pooler does not support prepared statements. Each statement is then planned every time, at twice
   * the processor time.
   */
  readonly onUnprepared?: () => void;
  /** Called when an idle connection breaks. The pool replaces it automatically. */
  readonly onConnectionLost?: (error: Error) => void;
}

/** Opens a pool of connections to a PostgreSQL server. Connects lazily, so the server may still be unreachable. */
export function openPostgres(options: PostgresOptions): Database {
  const connection: pg.PoolConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: "inkstone",
  };
  const { maxConnections = 8, listenUrl = options.url, answerTimeout = 30_000 } = options;
  const pool = new pg.Pool({ ...connection, max: maxConnections, query_timeout: answerTimeout });
  pool.on("error", (error) => options.onConnectionLost?.(error));

  let isPrepared = true;
  const statement = (sql: string, parameters: readonly unknown[]): pg.QueryConfig =>
    isPrepared ? prepared(sql, parameters) : { text: sql, values: [...parameters] };

  /** Repeats work without prepared statements if a pooler rejected them. The rejected work had no effect. */
  async function retryUnprepared<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isForgotten(error)) throw asUnavailable(error);
      if (isPrepared) options.onUnprepared?.();
      isPrepared = false;
      return work().catch((again) => {
        throw asUnavailable(again);
      });
    }
  }

  const query = <R = Row>(sql: string, parameters: readonly unknown[] = []): Promise<R[]> =>
    retryUnprepared(async () => (await pool.query(statement(sql, parameters))).rows as R[]);

  async function transact<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    let broken: Error | undefined;
    const client = await pool.connect().catch((error) => {
      throw asUnavailable(error);
    });
    const lost = (error: Error) => {
      broken = error;
    };
    client.on("error", lost);
    try {
      await client.query("begin");
      const result = await work({
        query: async <R>(sql: string, parameters: readonly unknown[] = []) =>
          (await client.query(statement(sql, parameters))).rows as R[],
      });
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off("error", lost);
      client.release(broken);
    }
  }

  return {
    kind: "postgres",
    query,
    transaction: (work) => retryUnprepared(() => transact(work)),
    async script(sql) {
      await pool.query(sql).catch((error) => {
        throw asUnavailable(error);
      });
    },
    listen: (channel, onMessage, onGap) =>
      listenPostgres({ ...connection, connectionString: listenUrl }, channel, onMessage, onGap),
    vacuum: async () => {},
    trimLog: async () => {},
    close: () => pool.end(),
  };
}

/**
 * A named statement: each connection parses and plans it once. Planning takes longer than running: without names,
 * PostgreSQL needs about twice the processor time per task.
 */
function prepared(text: string, parameters: readonly unknown[]): pg.QueryConfig {
  let name = names.get(text);
  if (name === undefined && names.size < MOST_NAMES) {
    name = createHash("sha256").update(text).digest("hex").slice(0, 32);
    names.set(text, name);
  }
  return { ...(name !== undefined && { name }), text, values: [...parameters] };
}

/**
 * True if a connection does not know a prepared statement, or already knows it. The pooler then uses another connection
 * each time, as PgBouncer does in transaction mode without `max_prepared_statements`.
 */
const isForgotten = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["26000", "42P05"].includes(String(error.code));

/** Connections remember named statements. All texts are fixed, except searches, which have many forms. */
const MOST_NAMES = 300;
const names = new Map<string, string>();
