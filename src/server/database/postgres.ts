import { createHash } from "node:crypto";
import pg from "pg";
import type { Database, Queryable, Row } from "./database.ts";
import { listenPostgres } from "./postgres-listen.ts";
import { asUnavailable } from "./unavailable.ts";

export interface PostgresOptions {
  readonly url: string;
  /** Connections for statements. Default: 8. One more listens. */
  readonly maxConnections?: number;
  /** Where to listen when `url` leads to a pooler that lends connections by the transaction. */
  readonly listenUrl?: string;
  /** Milliseconds to wait for an answer: a connection cut off without a word would never give one. Default 30 s. */
  readonly answerTimeout?: number;
  /** Told once that a pooler is in between which keeps no prepared statements: each is planned anew, at twice the processor time. */
  readonly onUnprepared?: () => void;
  /** Told of connections that break while idle; the pool replaces them by itself. */
  readonly onConnectionLost?: (error: Error) => void;
}

/** Opens a pool of connections to a PostgreSQL server. Connects lazily: the server may still be away. */
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

  /** Whatever a pooler without prepared statements refused has done nothing: it is done again without them. */
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
 * A statement under a name: each connection parses and plans it once. Planning takes longer than running: without names
 * PostgreSQL needs about twice the processor time for a task.
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
 * Whether a connection knows nothing of a statement that was prepared on it, or knows it already: it leads to another one each time, as
 * with PgBouncer in transaction mode without `max_prepared_statements`.
 */
const isForgotten = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["26000", "42P05"].includes(String(error.code));

/** Connections remember what has a name. Texts are written in this program, but for searches, which have many forms. */
const MOST_NAMES = 300;
const names = new Map<string, string>();
