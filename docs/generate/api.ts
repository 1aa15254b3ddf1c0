import type { z } from "zod";
import { fieldTable, type Parameter, rangeOf } from "../../src/fields/index.ts";
import { MOVED } from "../../src/protocol/aliases.ts";
import { stringifyJson } from "../../src/protocol/json.ts";
import { DATA_ITEMS, errorSchema } from "../../src/protocol/replies.ts";
import { RULES } from "../../src/protocol/rules.ts";
import { SCHEDULER_ALIASES } from "../../src/protocol/schedulers.ts";
import { parametersOf, TASK_SCHEMAS, TASK_TYPES, type TaskType } from "../../src/protocol/task.ts";
import { parameterAnchor } from "../../src/protocol/task-error.ts";
import type { Block, Row } from "./blocks.ts";

/** The page of the API, made from the schemas. */
export function apiReference(): Block[] {
  return [
    { heading: "API", level: 1 },
    ...TRANSPORT,
    ...TASK_TYPES.flatMap(taskSection),
    { heading: "Replies", level: 2 },
    ...REPLIES,
    ...Object.entries(DATA_ITEMS).flatMap(([name, schema]) => replySection(name, schema)),
    ...replySection("Error", errorSchema),
    { heading: "Watching and stopping a task", level: 2 },
    ...WATCHING,
    { heading: "Pictures, tasks and the server", level: 2 },
    ...LISTS,
  ];
}

function taskSection(type: TaskType): Block[] {
  const schema = TASK_SCHEMAS[type];
  const rows = [...parametersOf(type).values()].map((parameter) => parameterRow(type, parameter));
  const blocks: Block[] = [
    { heading: `\`${type}\``, level: 2 },
    { text: schema.description ?? "" },
    { columns: ["parameter", "type", "allowed", "default", ""], rows },
  ];
  if (type === "imageInference") blocks.push(...INFERENCE_RULES);
  return blocks;
}

function parameterRow(type: TaskType, parameter: Parameter): Row {
  const { path, required, about } = parameter;
  const fallback = parameter.default === undefined ? "" : `\`${stringifyJson(parameter.default)}\``;
  // Each anchor is unique on the page: the main task has the bare ones.
  const own = type === "imageInference" || !parametersOf("imageInference").has(path);
  const aliases = MOVED.filter(([, group, key]) => `${group}.${key}` === path).map(([from]) => from);
  const anchors = own && type === firstTypeWith(path) ? [path, ...aliases].map(parameterAnchor) : [];
  return {
    anchors,
    cells: [`\`${path}\``, parameter.type, allowed(parameter), required ? "required" : fallback, about],
  };
}

/** Replies have no anchors: errors point at what was asked. */
function replySection(name: string, schema: z.ZodObject): Block[] {
  const rows = [...fieldTable(schema).values()].map(({ path, type, required, about, allowedValues }) => ({
    cells: [
      `\`${path}\``,
      allowedValues?.map((value) => `\`${value}\``).join(", ") ?? type,
      required ? "always" : "",
      about,
    ],
  }));
  return [
    { heading: name, level: 3 },
    { text: schema.description ?? "" },
    { columns: ["field", "type", "", ""], rows },
  ];
}

const firstTypeWith = (path: string): TaskType =>
  parametersOf("imageInference").has(path)
    ? "imageInference"
    : TASK_TYPES.find((type) => parametersOf(type).has(path))!;

function allowed(parameter: Parameter): string {
  const { allowedValues } = parameter;
  if (allowedValues === undefined) return rangeOf(parameter);
  return allowedValues.length > 12
    ? `one of ${allowedValues.length}, see below`
    : allowedValues.map((value) => `\`${value}\``).join(", ");
}

const code = (value: unknown): Block => ({ code: JSON.stringify(value, undefined, 2), language: "json" });

const INFERENCE_RULES: readonly Block[] = [
  { heading: "Rules between parameters", level: 3 },
  {
    list: [
      ...RULES.map(({ text }) => text),
      "`null` means that a parameter is absent. Unknown keys refuse the whole task (`unsupportedParameter`).",
      "Of a prompt at most 512 tokens reach the model, as in its reference; the rest is cut off.",
      "Integers keep all their digits; numbers in quotes are refused. Steps of 0.01 are checked with room for binary rounding.",
    ],
  },
  { heading: "Other spellings", level: 3 },
  {
    list: [
      ...MOVED.map(([from, group, key]) => `\`${from}\` is understood as \`${group}.${key}\`.`),
      "`acceleratorOptions.fbcache` is understood as `acceleratorOptions.fbCache`.",
      '`clipSkip`, `promptWeighting`, `usePromptWeighting`, `checkNSFW` and `negativePrompt` are accepted with values that mean nothing (`0`, `false`, `""`).',
      "Given twice with different values: `incompatibleParameters`.",
    ],
  },
  { heading: "Schedulers", level: 3 },
  {
    text: `In any letter case: ${parametersOf("imageInference")
      .get("scheduler")!
      .allowedValues!.map((name) => `\`${name}\``)
      .join(", ")}.`,
  },
  {
    text: `Also understood: ${Object.entries(SCHEDULER_ALIASES)
      .map(([alias, name]) => `\`${alias}\` as \`${name}\``)
      .join(", ")}.`,
  },
];

const TRANSPORT: readonly Block[] = [
  {
    text: "Every request is a JSON array of tasks, sent as the body of `POST /v1` (`Content-Type: application/json`) or as a text frame over a WebSocket at `/v1`. Each task is answered on its own: a bad one yields an entry in `errors` while others succeed. No text in it may hold U+0000 or an unpaired surrogate. The machine-readable form of this page is `/openapi.json`.",
  },
  { heading: "Keys", level: 2 },
  {
    text: "On HTTP send `Authorization: Bearer KEY`, or an `authentication` task as the first element; the element wins. In a body of more than 64 KiB it has to be among the first 64. On WebSocket the first message is an `authentication` task. A server without any keys answers only programs on its own machine, with any key or none, and no page of another site in a browser there (`Host`, `Origin`, `Sec-Fetch-Site`). Pages served from loopback addresses may call `/v1`, and with a key as Bearer those of the origins that `INKSTONE_ALLOWED_ORIGINS` names; there are no cookies.",
  },
  { heading: "WebSocket", level: 2 },
  {
    list: [
      "A frame holds results of one task only, one frame for each picture as it is finished; or errors. Results come in an earlier frame than the errors of the same task.",
      "After a connection breaks, results are held for 120 seconds (`INKSTONE_SESSION_BUFFER`) and follow when the client authenticates with the `connectionSessionUUID` it was given.",
      "A client that closes its socket has 5 seconds to come back before its sync tasks are cancelled; one whose connection breaks, as long as its results are held.",
      "A session belongs to the socket that has resumed it last: one that held it before, and seems open, is cut off.",
      "A socket without any message for 120 seconds (`INKSTONE_IDLE_TIMEOUT`) is closed, unless it waits for a task. `ping` keeps it open.",
      "The final state of an async task is sent, unasked, to the socket that has polled for it.",
    ],
  },
  { heading: "Sync, async, again", level: 2 },
  {
    list: [
      '`deliveryMethod: "sync"` waits for the pictures. When the client goes away the task is cancelled 5 seconds later, unless `INKSTONE_CANCEL_ON_HANG_UP` is false or somebody waits for it by then, as the client does that has sent it again; sent again after that, it is a new task.',
      '`deliveryMethod: "async"` is acknowledged once the task is stored; then ask with `getResponse`, which works for sync tasks too.',
      "The `taskUUID` makes sending safe to repeat: the same task under the same taskUUID and key is answered with the known task; another one is refused with `conflictTaskUUID`. A task that has failed begins afresh when it is sent again. Letters of a UUID have no case.",
      "An image parameter takes the `imageURL` of this server's own images as it takes their `imageUUID`, under whatever host name it was given.",
      "`?dryRun=1`, or the header `X-Runware-Dry-Run: 1`, validates and prices tasks without running them, and tells how long drawing will take (`estimatedSeconds`).",
    ],
  },
];

const REPLIES: readonly Block[] = [
  {
    text: "A reply holds `data`, `errors`, or, over HTTP, both when only a part of it succeeded; an empty one is left out. On HTTP, a reply in which nothing succeeded also repeats its first error as `error`; so does a WebSocket that refuses a key.",
  },
  code({
    data: [
      {
        taskType: "imageInference",
        taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7",
        imageUUID: "97784197-f610-40a8-9b6c-b62e5b6e2621",
        imageURL: "http://127.0.0.1:7437/images/97784197-f610-40a8-9b6c-b62e5b6e2621.jpg",
        seed: 73347,
        cost: 0.0058,
      },
    ],
  }),
  {
    list: [
      "Of `imageURL`, `imageBase64Data` and `imageDataURI` those are there that `outputType` names.",
      "`cost` only with `includeCost`, `NSFWContent` only when the task asked for the safety check, `status` only in replies to `getResponse`.",
      'In replies to `getResponse`, pictures that are not finished have `status: "processing"`, the `progress` of the task in percent, its `step` and `steps` and, while it waits, its `queuePosition`. Failures come in `errors`, once nothing more will follow.',
      'Of a `modelUpload` task, `getResponse` tells in one item: `status` is `"processing"` or `"success"`, `stage` the last stage that was reached, `progress` the percentage of the download where its length is known. The stages themselves are told as `status` of the items that answer the task.',
    ],
  },
  { heading: "Webhooks and uploads", level: 3 },
  {
    text: '`webhookURL` receives one POST for each picture, `{"data":[item]}` by default (`INKSTONE_WEBHOOK_STYLE`), signed as Standard Webhooks describes (`webhook-id`, `webhook-timestamp`, `webhook-signature`). `uploadEndpoint` receives the bytes of each picture by PUT; `{imageUUID}` and `{index}` in its address are filled in. Both are tried up to eleven times over 29 hours and survive restarts; 410 ends a webhook early, and any answer from 300 to 499 an upload, except 408, 425 and 429. `getTaskDetails` shows where they stand. A task that fails tells its webhook so, with `{"errors":[error]}`; a cancelled one does not, as whoever cancelled it knows.',
  },
];

const WATCHING: readonly Block[] = [
  {
    list: [
      "`GET /v1/tasks/{taskUUID}/events` streams server-sent events: `queued` (`queuePosition`), `started`, `progress` (`image`, `step`, `steps`, `percentage`; of a model upload `stage`, `percentage`), `result`, and `final`, after which it ends.",
      "`DELETE /v1/tasks/{taskUUID}` cancels: a queued task never starts, a running one stops within a step. Doing it again does no harm.",
      "`GET /images/{imageUUID}.{jpg|png|webp}` gives the file to anyone who knows its address, until its `ttl` is over.",
      "`GET /healthz`, `GET /readyz` and `GET /metrics` (Prometheus) are for operators. `/readyz` also lists the `devices` that images are drawn on, with `name`, how it was opened (`note`) and why it cannot be used at the moment (`trouble`). It answers 503 with the reason while nothing can be drawn: the database or the disk is away, no device is usable, or the checkpoint of `runware:108@1` cannot be loaded.",
    ],
  },
];

const LISTS: readonly Block[] = [
  {
    text: "Over HTTP, with the key in the header. Each key sees its own pictures and tasks. The page at `/` uses nothing else.",
  },
  {
    list: [
      "`GET /v1/pictures` lists pictures, newest first: `{data: [picture], next}`. Filters: `q` (words of the prompt), `starred`, `kind` (`drawn`, `guide`, `upload`), `model`, `task`, `parent` (made from this picture), `from`, `to`, `binned`; `limit` (1 to 500, default 60); `cursor` is the `next` of the page before.",
      "A picture has `imageUUID`, `imageURL`, `thumbnailURL`, `kind`, `width`, `height`, `bytes`, `createdAt`, `expiresAt` (null: kept for good), `starred`, `seed`, `parameters` (the task that draws it again), `parents` (the pictures it was made from), `taskUUID`, `index`.",
      "`GET /v1/pictures/{imageUUID}` gives one picture. `PATCH` with `{starred, expiresAt}` changes it; `expiresAt: null` keeps it for good.",
      "`POST /v1/pictures/bin` and `/restore` with `{imageUUIDs: [1 to 500]}` move pictures into the bin and out of it. After ten minutes in the bin a picture is deleted.",
      "`GET /images/{imageUUID}.webp?side=160` (or `320`, `640`) gives a small copy, to anyone who knows the address.",
      "`GET /v1/tasks` lists tasks, newest first, with `state` (default `queued,running`), `limit`, `cursor`; each with its `request`, `state`, `queuePosition`, `progress`, `results` (pictures), `error`. `GET /v1/tasks/{taskUUID}` gives one. `DELETE /v1/tasks?state=queued` cancels those that wait.",
      "`POST /v1/pictures` with the file itself as its body (`Content-Type: image/png`, `image/jpeg`, `image/webp`, …) brings a picture, and answers with it. `DELETE /v1/pictures?binned=true` empties the bin at once.",
      "`GET /v1/events` streams server-sent events about the tasks and pictures of the key and the models of the server, as a `watch` is told them; with `?previews=true` what pictures look like so far too. A client that comes back reads the lists.",
      "`GET /v1/models` lists the checkpoints in OpenAI's form, with what each can do, its sizes, its state and its seconds a step under `inkstone`. `GET /v1/models/{air}/schema` is the `imageInference` task of one checkpoint as JSON Schema: forms can be made from it.",
      "`GET /v1/status` tells version, device, the model in memory, queue, storage and limits, and by which name the caller is known.",
      'A `watch` task, over a WebSocket, is answered with `{"taskType":"watch","taskUUID"}`; after that, frames `{"data":[{"taskType":"watch","event","taskUUID",…}]}` tell `queued` (`queuePosition`), `started`, `progress` (`image`, `images`, `step`, `steps`, `percentage`), `preview` (`image`, `step`, `steps`, `imageDataURI`: a small WEBP), `result` (`picture`) and `final` (`state`, `error`). Beside tasks, `picture` tells of one that was brought, changed or put back, `gone` (`imageUUIDs`) of pictures that were binned or deleted by a call, and `models` that the list of models has changed; their `taskUUID` is that of the watch. Pictures whose time is over go silently. A client that reads slowly misses steps and previews, and nothing else. They are not held for a client that comes back: it watches again and reads the lists.',
    ],
  },
];
