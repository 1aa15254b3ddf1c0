/** Events for followers of a key: over a WebSocket (`watch`) and as server-sent events (`/v1/events`). */

import { errorItem, TaskError, type WatchItem } from "../../protocol/index.ts";
import type { FollowEvent, OwnerId, TaskEvent } from "../tasks/index.ts";
import { pictureItem } from "./gallery-items.ts";
import type { News } from "./ports.ts";
import type { RequestContext } from "./request-context.ts";

export interface Told {
  readonly event: NonNullable<WatchItem["event"]>;
  /** Absent for events without a task. */
  readonly taskUUID?: string;
  readonly facts: Partial<WatchItem>;
  /** Slow readers lose these events. */
  readonly droppable: boolean;
}

/**
 * Follows the tasks and images of an owner, and the models of the server. Resolves when the present unfinished tasks
 * have been reported, with the function that ends it.
 */
export async function followOwner(
  context: RequestContext,
  owner: OwnerId,
  previews: boolean,
  tell: (told: Told) => void,
): Promise<() => void> {
  const { tasks, news, log } = context.ports;
  /** Images are looked up. Later events wait for them, so that the order is kept. */
  let work = Promise.resolve();
  const inTurn = (pass: () => Promise<void>, about: object) => {
    work = work.then(pass).catch((err) => log.warn({ err, ...about }, "an event could not be reported"));
  };
  const passTask = async (taskUUID: string, event: FollowEvent): Promise<void> => {
    const facts = await factsOf(context, owner, taskUUID, event);
    if (facts === undefined) return;
    const droppable = event.type === "queued" || event.type === "progress" || event.type === "preview";
    tell({ event: event.type, taskUUID, facts, droppable });
  };
  const endNews = news.listen(owner, (one) => inTurn(() => passNews(context, owner, one, tell), one));
  const endTasks = await tasks
    .follow(owner, (taskUUID, event) => inTurn(() => passTask(taskUUID, event), { taskUUID }), previews)
    .catch((error) => {
      endNews();
      throw error;
    });
  return () => {
    endNews();
    endTasks();
  };
}

async function passNews(
  context: RequestContext,
  owner: OwnerId,
  news: News,
  tell: (told: Told) => void,
): Promise<void> {
  if (news.type === "models") return tell({ event: "models", facts: {}, droppable: false });
  if (news.gone) return tell({ event: "gone", facts: { imageUUIDs: [...news.imageUUIDs] }, droppable: false });
  for (const imageUUID of news.imageUUIDs) {
    const picture = await context.ports.gallery.find(owner, imageUUID);
    if (picture) tell({ event: "picture", facts: { picture: pictureItem(picture, context) }, droppable: false });
  }
}

/** An event in the words of the API; undefined for an image that no longer exists. */
async function factsOf(
  context: RequestContext,
  owner: OwnerId,
  taskUUID: string,
  event: FollowEvent,
): Promise<Partial<WatchItem> | undefined> {
  switch (event.type) {
    case "queued":
    case "started":
    case "progress":
      return progressFacts(event);
    case "preview": {
      const { image, step, steps, dataURI: imageDataURI } = event;
      return { image, step, steps, imageDataURI };
    }
    case "result": {
      const picture = await context.ports.gallery.find(owner, event.result.imageUUID);
      return picture && { picture: pictureItem(picture, context) };
    }
    case "final": {
      const { state, task, error } = event.record;
      const body = state === "cancelled" ? new TaskError("taskCancelled").body : error;
      const item = body && errorItem(body, { taskUUID, taskType: task.taskType }, context.documentation);
      return { state, error: item as WatchItem["error"] };
    }
  }
}

/** The progress of a task in the words of the API. */
export function progressFacts(event: Extract<TaskEvent, { readonly type: "queued" | "started" | "progress" }>) {
  switch (event.type) {
    case "queued":
      return { queuePosition: event.place };
    case "started":
      return { attempt: event.attempt };
    case "progress": {
      const { type: _, ...progress } = event;
      return progress;
    }
  }
}
