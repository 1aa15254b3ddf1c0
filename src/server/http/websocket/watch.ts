/** Tells a socket whatever happens to the tasks of its key. */

import { errorItem, TaskError, type WatchTask } from "../../../protocol/index.ts";
import type { FollowEvent } from "../../tasks/index.ts";
import type { Caller } from "../caller.ts";
import { pictureItem } from "../gallery-items.ts";
import type { RequestContext } from "../request-context.ts";

/** Sends a frame; what may be left out is, while the client reads slowly. */
export type FrameSender = (body: object, droppable: boolean) => void;

/** Begins to tell; resolves with the function that ends it, once what is unfinished now has been told. */
export async function startWatch(
  context: RequestContext,
  { owner }: Caller,
  { taskUUID: watchUUID, previews }: WatchTask,
  send: FrameSender,
): Promise<() => void> {
  const { tasks, gallery, log } = context.ports;
  /** Pictures are looked up: what follows waits for them, so that the order stays. */
  let work = Promise.resolve();
  const tell = (taskUUID: string, event: string, facts: object, droppable = false) =>
    send({ data: [{ taskType: "watch", event, taskUUID, ...facts }] }, droppable);

  const pass = async (taskUUID: string, event: FollowEvent): Promise<void> => {
    switch (event.type) {
      case "queued":
        return tell(taskUUID, "queued", { queuePosition: event.place }, true);
      case "started":
        return tell(taskUUID, "started", { attempt: event.attempt });
      case "progress": {
        const { type: _, ...progress } = event;
        return tell(taskUUID, "progress", progress, true);
      }
      case "preview": {
        const { image, step, steps, dataURI: imageDataURI } = event;
        return tell(taskUUID, "preview", { image, step, steps, imageDataURI }, true);
      }
      case "result": {
        const picture = await gallery.find(owner, event.result.imageUUID);
        if (picture !== undefined) {
          tell(taskUUID, "result", { picture: pictureItem(picture, context) });
        }
        return;
      }
      case "final": {
        const { state, task, error } = event.record;
        const body = state === "cancelled" ? new TaskError("taskCancelled").body : error;
        const item = body && errorItem(body, { taskUUID, taskType: task.taskType }, context.documentation);
        return tell(taskUUID, "final", { state, error: item });
      }
    }
  };

  send({ data: [{ taskType: "watch", taskUUID: watchUUID, previews }] }, false);
  return tasks.follow(
    owner,
    (taskUUID, event) => {
      work = work
        .then(() => pass(taskUUID, event))
        .catch((err) => log.warn({ err, taskUUID }, "an event was not told"));
    },
    previews,
  );
}
