/** Frees what was opened. */
export type Free = () => Promise<void>;

/**
 * Frees every one, whatever becomes of the others.
 * @throws the error of the first one that could not be freed
 */
export async function freeAll(opened: readonly Free[]): Promise<void> {
  const results = await Promise.allSettled(opened.map(async (free) => free()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
