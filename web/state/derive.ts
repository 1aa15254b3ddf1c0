/** Images that are made from one other without a diffusion model: enlarged or traced. */

import { ApiError, request, runTask } from "../api/server.ts";
import type { ErrorItem, Picture, TaskItem } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { announcePicture } from "./picture-list.ts";
import { keepSeconds } from "./preferences.ts";

const POLL_MS = 700;

/** Runs a task that makes one image; `tell` gets its progress. Throws `ApiError` or `ServerAway`. */
export async function derive(task: object, tell: (percentage: number) => void): Promise<Picture> {
  const taskUUID = randomUuid();
  await runTask({ ...task, taskUUID, deliveryMethod: "async", outputType: "URL", ttl: keepSeconds.value });
  for (;;) {
    const { state, progress, results, error } = await request<TaskItem>("GET", `/v1/tasks/${taskUUID}`);
    tell(progress?.percentage ?? 0);
    const [picture] = results;
    if (picture !== undefined && state === "succeeded") {
      announcePicture(picture);
      return picture;
    }
    if (state === "failed" || state === "cancelled") throw new ApiError(200, error ?? CANCELLED);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const CANCELLED: ErrorItem = { code: "taskCancelled", message: "" };
