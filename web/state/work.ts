/** Tasks: submitted, watched, stopped. The server owns them; this is the page's knowledge of them. */

import { computed, signal } from "@preact/signals";
import type { Json } from "../api/json.ts";
import { ApiError, request, ServerAway } from "../api/server.ts";
import type { ErrorItem, Parameters, Picture, Progress, TaskEvent, TaskItem, TaskState } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { words } from "../text/index.ts";
import { spoken } from "./notices.ts";
import { notePace } from "./pace.ts";
import { announcePicture } from "./picture-list.ts";
import { keepSeconds } from "./preferences.ts";

export interface Work {
  readonly taskUUID: string;
  readonly parameters: Parameters;
  readonly state: TaskState;
  readonly createdAt: string;
  readonly queuePosition?: number;
  readonly progress?: Progress;
  readonly preview?: { readonly image: number; readonly uri: string };
  readonly results: readonly Picture[];
  readonly error?: ErrorItem;
  /** Tasks of one request. */
  readonly group: string;
}

/** Known tasks, newest first: the unfinished ones, and those that ended while this page was open. */
export const works = signal<readonly Work[]>([]);
export const unfinished = computed(() => works.value.filter(isUnfinished));
export const waiting = computed(() => works.value.filter(({ state }) => state === "queued"));

export const isUnfinished = ({ state }: Pick<Work, "state">): boolean => state === "queued" || state === "running";
export const workOf = (taskUUID: string): Work | undefined => works.value.find((work) => work.taskUUID === taskUUID);

const IDENTITY = new Set(["taskType", "taskUUID", "deliveryMethod", "ttl", "outputType"]);

/** The task with these parameters: exactly the object that is sent, and that "copy as" shows. */
export const taskOf = (parameters: Parameters, taskUUID: string): Record<string, Json | undefined> => ({
  taskType: "imageInference",
  taskUUID,
  ...parameters,
  deliveryMethod: "async",
  outputType: "URL",
  ttl: keepSeconds.value,
});

const parametersOf = (request: TaskItem["request"]): Parameters =>
  Object.fromEntries(Object.entries(request).filter(([key]) => !IDENTITY.has(key))) as Parameters;

function change(taskUUID: string, next: Partial<Work>): void {
  works.value = works.value.map((work) => (work.taskUUID === taskUUID ? { ...work, ...next } : work));
}

/** Submits tasks and lists them immediately. Throws `ApiError` or `ServerAway` if the server did not accept them. */
export async function submit(all: readonly Parameters[], group: string = randomUuid()): Promise<readonly string[]> {
  const createdAt = new Date().toISOString();
  const fresh = all.map((parameters): Work => {
    return { taskUUID: randomUuid(), parameters, state: "queued", createdAt, results: [], group };
  });
  works.value = [...fresh.toReversed(), ...works.value];
  const body = fresh.map(({ parameters, taskUUID }) => taskOf(parameters, taskUUID));
  try {
    const { errors = [] } = await request<{ errors?: readonly ErrorItem[] }>("POST", "/v1", body);
    for (const error of errors) if (error.taskUUID !== undefined) change(error.taskUUID, { state: "failed", error });
  } catch (thrown) {
    // Without an answer, the tasks may have arrived. The list of the queue shows it.
    const gone = new Set(fresh.map(({ taskUUID }) => taskUUID));
    works.value = works.value.filter(({ taskUUID }) => !gone.has(taskUUID));
    throw thrown;
  }
  return fresh.map(({ taskUUID }) => taskUUID);
}

/** Cancels one task: a waiting one never starts, a running one stops within a step. */
export async function stop(taskUUID: string): Promise<void> {
  await request("DELETE", `/v1/tasks/${taskUUID}`).catch((thrown: unknown) => {
    if (!(thrown instanceof ApiError) && !(thrown instanceof ServerAway)) throw thrown;
  });
  await attach();
}

/** Cancels the waiting tasks. Running ones continue. */
export async function stopWaiting(): Promise<void> {
  await request("DELETE", "/v1/tasks?state=queued");
  await attach();
}

export function forget(taskUUID: string): void {
  works.value = works.value.filter((work) => work.taskUUID !== taskUUID);
}

/** Loads the unfinished tasks of the server, and the results of those that were unfinished at the last connection. */
export async function attach(): Promise<void> {
  const { data } = await request<{ data: readonly TaskItem[] }>("GET", "/v1/tasks?state=queued,running&limit=500");
  const known = new Map(works.value.map((work) => [work.taskUUID, work]));
  const listed = new Set(data.map(({ taskUUID }) => taskUUID));
  const ended = unfinished.value.filter(({ taskUUID }) => !listed.has(taskUUID));
  const pictures = data.filter(({ taskType }) => taskType === "imageInference");
  const fresh = pictures.map((item): Work => {
    const earlier = known.get(item.taskUUID);
    const { taskUUID, state, createdAt, results } = item;
    return {
      ...earlier,
      taskUUID,
      state,
      createdAt,
      results,
      parameters: earlier?.parameters ?? parametersOf(item.request),
      group: earlier?.group ?? taskUUID,
      ...(item.queuePosition !== undefined && { queuePosition: item.queuePosition }),
      ...(item.progress !== undefined && { progress: item.progress }),
    };
  });
  const rest = works.value.filter(({ taskUUID }) => !listed.has(taskUUID));
  works.value = [...fresh, ...rest].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  await Promise.all(ended.map(({ taskUUID }) => readEnd(taskUUID)));
}

async function readEnd(taskUUID: string): Promise<void> {
  try {
    const item = await request<TaskItem>("GET", `/v1/tasks/${taskUUID}`);
    for (const picture of item.results) announcePicture(picture);
    const { state, results, error } = item;
    change(taskUUID, { state, results, ...(error && { error }) });
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 404) forget(taskUUID);
  }
}

/** Applies a message of the server about a task. */
export function hear(event: TaskEvent): void {
  const work = workOf(event.taskUUID);
  if (event.event === "result") announcePicture(event.picture);
  if (work !== undefined) change(event.taskUUID, news(work, event));
  // Submitted by another page, or a program with the same key.
  else if (event.event === "queued" || event.event === "started") void attach().catch(() => {});
}

/** The changes of an event to a task. */
function news(work: Work, event: TaskEvent): Partial<Work> {
  switch (event.event) {
    case "queued":
      return { state: "queued", queuePosition: event.queuePosition };
    case "started":
      return { state: "running" };
    case "progress": {
      const { image, images, step, steps, percentage } = event;
      notePace(work, event);
      if (Math.floor(percentage / 25) > Math.floor((work.progress?.percentage ?? 0) / 25)) {
        spoken.value = words.value.percentDone(percentage);
      }
      return { state: "running", progress: { image, images, step, steps, percentage } };
    }
    case "preview":
      return { preview: { image: event.image, uri: event.imageDataURI } };
    case "result": {
      const others = work.results.filter(({ imageUUID }) => imageUUID !== event.picture.imageUUID);
      return { results: [...others, event.picture].sort((a, b) => (a.index ?? 0) - (b.index ?? 0)) };
    }
    case "final": {
      spoken.value = words.value.ended[event.state];
      return { state: event.state, ...(event.error && { error: event.error }) };
    }
  }
}
