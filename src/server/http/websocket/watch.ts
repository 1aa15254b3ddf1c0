/** Reports the events of a key's tasks and images to a socket. */

import type { WatchItem, WatchTask } from "../../../protocol/index.ts";
import type { Caller } from "../caller.ts";
import type { RequestContext } from "../request-context.ts";
import { followOwner } from "../watch-events.ts";

/** Sends a frame. Droppable frames are dropped while the client reads slowly. */
export type FrameSender = (body: { readonly data: readonly WatchItem[] }, droppable: boolean) => void;

/** Starts reporting. Resolves when the present unfinished tasks have been reported, with the function that ends it. */
export async function startWatch(
  context: RequestContext,
  { owner }: Caller,
  { taskUUID: watchUUID, previews }: WatchTask,
  send: FrameSender,
): Promise<() => void> {
  send({ data: [{ taskType: "watch", taskUUID: watchUUID, previews }] }, false);
  return followOwner(context, owner, previews, ({ event, taskUUID = watchUUID, facts, droppable }) =>
    send({ data: [{ taskType: "watch", event, taskUUID, ...facts }] }, droppable),
  );
}
