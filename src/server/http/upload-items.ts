/** A `modelUpload` task as items of `data`. */

import { type ModelUploadTask, UPLOAD_STAGES, type UploadItem, type UploadStage } from "../../protocol/index.ts";
import type { TaskRecord } from "../tasks/index.ts";

const MESSAGES: Readonly<Record<UploadStage, string>> = {
  validated: "The parameters are valid.",
  downloaded: "The file has been downloaded.",
  optimized: "The file has been checked.",
  stored: "The model has been registered.",
  ready: "The model can be used.",
};

/** What the client is told when a stage is reached. */
export const stageItem = ({ taskType, taskUUID, air }: ModelUploadTask, status: UploadStage): UploadItem => ({
  taskType,
  taskUUID,
  status,
  message: MESSAGES[status],
  air,
});

/**
 * The items of an upload; none of other tasks, and none of an upload that failed. `withStatus`: for getResponse, which tells in
 * one item how it stands, with the words that pictures have; otherwise every stage once it has succeeded.
 */
export function stagesOf({ task, state, progress, place }: TaskRecord, withStatus: boolean): UploadItem[] {
  if (task.taskType !== "modelUpload" || state === "failed" || state === "cancelled") return [];
  if (state === "succeeded") {
    if (!withStatus) return UPLOAD_STAGES.map((stage) => stageItem(task, stage));
    return [{ ...stageItem(task, "ready"), status: "success", stage: "ready" }];
  }
  if (!withStatus) return [];
  const { stage, percentage } =
    progress && "stage" in progress ? progress : { stage: "validated" as const, percentage: 0 };
  return [
    {
      ...stageItem(task, stage),
      status: "processing",
      stage,
      progress: percentage,
      ...(place !== undefined && { queuePosition: place }),
    },
  ];
}
