import { z } from "zod";
import { flag, literal, uuid } from "../fields/index.ts";

/** Follows the tasks of a key over a WebSocket. */
export const watch = z
  .strictObject({
    taskType: literal("The type of task.", "watch"),
    taskUUID: uuid("Identifies the task in its reply. A UUID v4."),
    previews: flag("Whether to send what pictures look like while they are drawn.").default(false),
  })
  .describe(
    "Only over a WebSocket: frames tell this socket whatever happens to the tasks of its key, present and future ones, until it closes. Sent again, it replaces the earlier watch.",
  );

export type WatchTask = z.output<typeof watch>;
