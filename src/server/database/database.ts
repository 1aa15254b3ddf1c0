/** What the rest of the program may ask of a database, whichever it is. One SQL dialect: PostgreSQL's. */

export type Row = Record<string, unknown>;

/** Runs single statements with `$1` parameters. */
export interface Queryable {
  query<R = Row>(sql: string, parameters?: readonly unknown[]): Promise<R[]>;
}

export interface Database extends Queryable {
  /** `pglite` is embedded: this process is the only one that has it open. */
  readonly kind: "postgres" | "pglite";
  /** Runs several statements without parameters, separated by semicolons, in one implicit transaction. */
  script(sql: string): Promise<void>;
  /** Commits when `work` resolves, rolls back when it rejects. Do not touch `this` inside `work`, only `tx`. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Hears NOTIFY on a channel until the returned function is called. A hint, never the truth: messages are lost while the
   * connection is down; `onGap` is called after it is back, so that the listener can look for itself.
   */
  listen(channel: string, onMessage: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>>;
  /** Makes the space of deleted rows usable again. PostgreSQL does so by itself. */
  vacuum(): Promise<void>;
  /** Makes the files of the log of changes free for new ones, once there are some of them. PostgreSQL does so by itself. */
  trimLog(): Promise<void>;
  close(): Promise<void>;
}

/** The database cannot be reached at the moment; the same call may succeed later. Not thrown for a refused statement. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
}
