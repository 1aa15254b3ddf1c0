/** Who still waits for a task. A sync task that nobody waits for any more is not worth finishing. */

/** Counts the waiters of tasks. */
export interface Interest {
  /** Notes a waiter. The returned function takes the note back; it tells whether it was the last one. */
  waitFor(owner: string, taskUUID: string): () => boolean;
}

export function createInterest(): Interest {
  const waiters = new Map<string, number>();
  return {
    waitFor: (owner, taskUUID) => {
      const id = `${owner} ${taskUUID}`;
      waiters.set(id, (waiters.get(id) ?? 0) + 1);
      let waiting = true;
      return () => {
        if (!waiting) return false;
        waiting = false;
        const left = waiters.get(id)! - 1;
        if (left > 0) waiters.set(id, left);
        else waiters.delete(id);
        return left === 0;
      };
    },
  };
}
