/** What whoever follows a key is told: over a WebSocket (`watch`) and as server-sent events (`/v1/events`). */

import { errorItem, TaskError, type WatchItem } from "../../protocol/index.ts";
import type { FollowEvent, OwnerId, TaskEvent } from "../tasks/index.ts";
import { pictureItem } from "./gallery-items.ts";
import type { News } from "./ports.ts";
import type { RequestContext } from "./request-context.ts";

export interface Told {
  readonly event: NonNullable<WatchItem["event"]>;
  /** Absent where no task is concerned. */
  readonly taskUUID?: string;
  readonly facts: Partial<WatchItem>;
  /** Whoever reads slowly does without. */
  readonly droppable: boolean;
}

/**
 * Follows the tasks and pictures of an owner, and the models of the server; resolves with the function that ends it, once what is
 * unfinished now has been told.
 */
export async function followOwner(
  context: RequestContext,
  owner: OwnerId,
  previews: boolean,
  tell: (told: Told) => void,
): Promise<() => void> {
  const { tasks, news, log } = context.ports;
  /** Pictures are looked up: what follows waits for them, so that the order stays. */
  let work = Promise.resolve();
  const inTurn = (pass: () => Promise<void>, about: object) => {
    work = work.then(pass).catch((err) => log.warn({ err, ...about }, "an event was not told"));
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

/** An event in the API's words; undefined for a picture that is gone already. */
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

/** How far a task is, in the API's words. */
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
