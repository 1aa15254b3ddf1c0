/** imageInference tasks, checked as the server checks them. */

import { type ImageInferenceTask, parseTask } from "../../src/protocol/index.ts";

/** An image by its UUID. */
export const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";

/** A task as a client would send it, with `changes` on top. */
export const task = (changes: object = {}) => ({
  taskType: "imageInference",
  taskUUID: "a770f077-f413-47de-9dac-be0b26a35da6",
  model: "runware:108@1",
  positivePrompt: "a cat",
  width: 512,
  height: 512,
  ...changes,
});

/** What such a task is read as. @throws TaskError its first error */
export const accepted = (changes: object): ImageInferenceTask => {
  const parsed = parseTask(task(changes));
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
};

/** The code and parameter of each error of such a task. */
export const refused = (changes: object) => {
  const parsed = parseTask(task(changes));
  return parsed.ok ? [] : parsed.errors.map((error) => `${error.code} ${error.facts.parameter}`);
};
