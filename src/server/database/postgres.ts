import pg from "pg";
import type { Database, Queryable, Row } from "./database.ts";
import { listenPostgres } from "./postgres-listen.ts";
import { asUnavailable } from "./unavailable.ts";

export interface PostgresOptions {
  readonly url: string;
  readonly maxConnections?: number;
  /** Milliseconds to wait for an answer: a connection cut off without a word would never give one. Default 30 s. */
  readonly answerTimeout?: number;
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
  const { maxConnections = 8, answerTimeout = 30_000 } = options;
  const pool = new pg.Pool({ ...connection, max: maxConnections, query_timeout: answerTimeout });
  pool.on("error", (error) => options.onConnectionLost?.(error));

  async function query<R = Row>(sql: string, parameters: readonly unknown[] = []): Promise<R[]> {
    try {
      return (await pool.query(sql, [...parameters])).rows as R[];
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async function transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
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
          (await client.query(sql, [...parameters])).rows as R[],
      });
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((failure: Error) => {
        broken = failure;
      });
      throw asUnavailable(error);
    } finally {
      client.off("error", lost);
      client.release(broken);
    }
  }

  return {
    kind: "postgres",
    query,
    transaction,
    async script(sql) {
      await query(sql);
    },
    listen: (channel, onMessage, onGap) => listenPostgres(connection, channel, onMessage, onGap),
    vacuum: async () => {},
    trimLog: async () => {},
    close: () => pool.end(),
  };
}
