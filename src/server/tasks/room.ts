import type { Queryable } from "../database/index.ts";

/** Room in the queue, known without counting the rows at every submission. */
export interface Room {
  /**
   * Does `store` when there is room, and tells what it told: whether a task was stored. Undefined when there is none.
   */
  within<T>(store: () => Promise<T | undefined>): Promise<{ readonly stored: T | undefined } | undefined>;
}

/**
 * Adds up what was stored from here since the rows were last counted. That can only be too much, since workers empty the
 * queue: so the rows are counted again only when it seems full. Exact for one process; several on one database may
 * together go over the limit by what they accept between two counts.
 */
export function createRoom(db: Queryable, limit: number): Room {
  let known = Number.POSITIVE_INFINITY; // not counted yet
  let underWay = 0;
  let storedWhileCounting = 0;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    storedWhileCounting = 0;
    const [row] = await db.query<{ queued: number }>(
      "select count(*)::int as queued from tasks where state = 'queued'",
    );
    known = row!.queued + storedWhileCounting;
  }

  return {
    async within(store) {
      if (known + underWay >= limit) {
        counting ??= count().finally(() => {
          counting = undefined;
        });
        await counting;
      }
      if (known + underWay >= limit) return undefined;
      underWay++;
      try {
        const stored = await store();
        if (stored !== undefined) {
          known++;
          storedWhileCounting++;
        }
        return { stored };
      } finally {
        underWay--;
      }
    },
  };
}
