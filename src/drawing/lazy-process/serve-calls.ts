import { leaveWithParent } from "./leave-with-parent.ts";
import type { Call, Reply } from "./messages.ts";

/** The child's side: answers one call after the other, and leaves when the parent does. */
export function serveCalls<Request, Answer>(answer: (request: Request) => Promise<Answer>): void {
  let turn: Promise<void> = Promise.resolve();
  const reply = (message: Reply<Answer>) => process.send?.(message);
  leaveWithParent();
  process.on("message", ({ id, request }: Call<Request>) => {
    turn = turn.then(async () => {
      try {
        reply({ id, answer: await answer(request) });
      } catch (error) {
        const { name, message } = error as Error;
        reply({ id, error: { name, message } });
      }
    });
  });
}
