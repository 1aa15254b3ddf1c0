/** Tells a socket whatever happens to the tasks and pictures of its key. */

import type { WatchItem, WatchTask } from "../../../protocol/index.ts";
import type { Caller } from "../caller.ts";
import type { RequestContext } from "../request-context.ts";
import { followOwner } from "../watch-events.ts";

/** Sends a frame; what may be left out is, while the client reads slowly. */
export type FrameSender = (body: { readonly data: readonly WatchItem[] }, droppable: boolean) => void;

/** Begins to tell; resolves with the function that ends it, once what is unfinished now has been told. */
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
