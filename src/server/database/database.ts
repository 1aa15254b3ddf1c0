/** The interface of both databases. The SQL dialect is PostgreSQL's. */

export type Row = Record<string, unknown>;

/** Runs single statements with `$1` parameters. */
export interface Queryable {
  query<R = Row>(sql: string, parameters?: readonly unknown[]): Promise<R[]>;
}

export interface Database extends Queryable {
  /** `pglite` is embedded: no other process has it open. */
  readonly kind: "postgres" | "pglite";
  /** Runs several statements without parameters, separated by semicolons, in one implicit transaction. */
  script(sql: string): Promise<void>;
  /** Commits when `work` resolves, rolls back when it rejects. Inside `work`, use only `tx`, not `this`. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Receives NOTIFY on a channel until the returned function is called. Messages are hints: they are lost while the
   * connection is down. `onGap` is called after a reconnection, so that the listener can check for changes.
   */
  listen(channel: string, onMessage: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>>;
  /** Reclaims the space of deleted rows. PostgreSQL does this automatically. */
  vacuum(): Promise<void>;
  /** Recycles the files of the write-ahead log once there are several. PostgreSQL does this automatically. */
  trimLog(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The database cannot be reached at the moment. The same call may succeed later. Not thrown for a rejected statement.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
}
