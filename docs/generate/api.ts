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
    { heading: "Images, tasks and the server", level: 2 },
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

/** Replies have no anchors, because errors refer to requests. */
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
    ? `one of ${allowedValues.length}, see [schedulers](schedulers.md)`
    : allowedValues.map((value) => `\`${value}\``).join(", ");
}

const INFERENCE_RULES: readonly Block[] = [
  { heading: "Rules between parameters", level: 3 },
  {
    list: [
      ...RULES.map(({ text }) => text),
      "`null` means that a parameter is absent. An unknown parameter refuses the whole task (`unsupportedParameter`).",
      "The model reads at most 512 tokens of a prompt, as its reference does. The rest is cut off.",
      "Integers keep all their digits. Numbers in quotes are refused. Steps of 0.01 allow for binary rounding.",
    ],
  },
  { heading: "Other spellings", level: 3 },
  {
    list: [
      ...MOVED.map(([from, group, key]) => `\`${from}\` is understood as \`${group}.${key}\`.`),
      "`acceleratorOptions.fbcache` is understood as `acceleratorOptions.fbCache`.",
      '`clipSkip`, `promptWeighting`, `usePromptWeighting`, `checkNSFW` and `negativePrompt` are accepted with values without effect (`0`, `false`, `""`).',
      "Given twice with different values: `incompatibleParameters`.",
    ],
  },
  { heading: "Schedulers", level: 3 },
  {
    text: "[Schedulers](schedulers.md) lists all names. Letter case does not matter.",
  },
  {
    text: `Also understood: ${Object.entries(SCHEDULER_ALIASES)
      .map(([alias, name]) => `\`${alias}\` as \`${name}\``)
      .join(", ")}.`,
  },
];

const TRANSPORT: readonly Block[] = [
  {
    text: "Every request is a JSON array of tasks: the body of `POST /v1` (`Content-Type: application/json`), or a text frame on a WebSocket at `/v1`. Each task succeeds or fails separately. The machine-readable form of this page is `/openapi.json`.",
  },
  {
    list: [
      "[Tasks](../apps/tasks.md) has a request and a reply for each type.",
      "[WebSocket](../apps/websocket.md), [polling](../apps/async.md), [webhooks](../apps/webhooks.md), [errors and retries](../apps/errors.md) explain the transport.",
      "[Errors](errors.md) lists the codes.",
    ],
  },
  { heading: "Keys", level: 2 },
  {
    list: [
      "On HTTP, send `Authorization: Bearer KEY`, or an `authentication` task as the first element. The element wins. In a body of more than 64 KiB it must be among the first 64 KiB.",
      "On a WebSocket, the first message is an `authentication` task.",
      "A server without keys answers only programs on the same machine, with any key or none. It refuses web pages of other sites (`Host`, `Origin`, `Sec-Fetch-Site`).",
      "Pages from loopback addresses may call `/v1`. Pages of origins in `INKSTONE_ALLOWED_ORIGINS` may call it with a key as Bearer. Cookies are not used.",
    ],
  },
  { heading: "Rules for all tasks", level: 2 },
  {
    list: [
      "The `taskUUID` makes a repeated request safe. The same task under the same key attaches to the known task. Other parameters give `conflictTaskUUID`. A failed task starts again.",
      "UUIDs have no letter case. Text must not contain U+0000 or an unpaired surrogate.",
      "An image parameter accepts an `imageUUID`, an `imageURL` of this server under any host name, another URL, a data URI, or base64.",
      "`?dryRun=1`, or the header `X-Runware-Dry-Run: 1`, validates and prices tasks without running them.",
    ],
  },
];

const REPLIES: readonly Block[] = [
  {
    text: "A reply has `data`, `errors`, or both. Empty ones are omitted. If nothing in an HTTP request succeeded, the reply repeats its first error as `error`. So does a WebSocket that refuses a key.",
  },
  {
    list: [
      "`outputType` selects `imageURL`, `imageBase64Data` and `imageDataURI`.",
      "`cost` is present with `includeCost`, `NSFWContent` with the safety check, `status` in replies to `getResponse`.",
      'In replies to `getResponse`, unfinished images have `status: "processing"` and the `progress` of the task in percent. While the task waits they have `queuePosition`, and while it runs `step` and `steps`.',
      "Errors of a task come last, when no more results will follow.",
      'For a model upload, `getResponse` reports one item. `status` is `"processing"` or `"success"`. `stage` is the last finished stage. `progress` is the percentage of the download, if its length is known.',
    ],
  },
];

const WATCHING: readonly Block[] = [
  {
    list: [
      "`GET /v1/tasks/{taskUUID}/events` streams server-sent events: `queued`, `started`, `progress`, `result`, and `final`, after which it ends. [WebSocket](../apps/websocket.md#progress-and-previews) lists their fields.",
      "`DELETE /v1/tasks/{taskUUID}` cancels a task. A queued task never starts, a running one stops within a step. You can repeat it.",
      "`GET /images/{imageUUID}.{jpg|png|webp}` sends the file to everyone with the address, until its `ttl` ends.",
      "`GET /healthz`, `GET /readyz` and `GET /metrics` are for operators, see [monitoring](../operators/monitoring.md).",
      "`/readyz` lists the `devices`: `name`, how each was opened (`note`), and the reason if it is not usable (`trouble`). It answers 503 with the reason while the server cannot generate images. Reasons are the database, the disk, the devices, or the checkpoint of `runware:108@1`.",
    ],
  },
];

const LISTS: readonly Block[] = [
  {
    text: "These routes need the key in the header. Each key sees only its images and tasks. The page at `/` uses nothing else.",
  },
  {
    columns: ["route", "effect"],
    rows: [
      [
        "`GET /v1/pictures`",
        "Lists images, newest first: `{data: [picture], next}`. `cursor` is the `next` of the previous page. `limit` is 1 to 500, default 60.",
      ],
      [
        "… filters",
        "`q` (words of the prompt), `starred`, `kind` (`drawn`, `guide`, `upload`), `model`, `task`, `parent` (made from this image), `from`, `to`, `binned`.",
      ],
      ["`GET /v1/pictures/{imageUUID}`", "One image."],
      [
        "`PATCH /v1/pictures/{imageUUID}`",
        "Changes `starred` and `expiresAt`. `expiresAt: null` keeps the image until you delete it.",
      ],
      [
        "`POST /v1/pictures`",
        "Uploads the file in the body (`Content-Type: image/png`, `image/jpeg`, `image/webp`, …) and answers with the image.",
      ],
      [
        "`POST /v1/pictures/bin`, `/restore`",
        "`{imageUUIDs: [1 to 500]}`. An image is deleted after ten minutes in the bin.",
      ],
      ["`DELETE /v1/pictures?binned=true`", "Empties the bin immediately."],
      [
        "`GET /images/{imageUUID}.webp?side=160`",
        "A small copy: 160, 320 or 640 pixels. Open to everyone with the address.",
      ],
      [
        "`GET /v1/tasks`",
        "Lists tasks, newest first: `state` (default `queued,running`), `limit`, `cursor`. Each has `request`, `state`, `queuePosition`, `progress`, `results`, `error`.",
      ],
      ["`GET /v1/tasks/{taskUUID}`", "One task."],
      ["`DELETE /v1/tasks?state=queued`", "Cancels all queued tasks."],
      [
        "`GET /v1/events`",
        "Server-sent events of all tasks of the key, as for a `watch` task. `?previews=true` adds previews.",
      ],
      [
        "`GET /v1/models`",
        "Checkpoints in OpenAI's form. `inkstone` has capabilities, sizes, state and seconds per step.",
      ],
      ["`GET /v1/models/{air}/schema`", "The `imageInference` task of one checkpoint as JSON Schema, for forms."],
      [
        "`POST /v1/models/{air}/load`",
        "Loads a checkpoint before its first task, if no task runs. The page does this for the chosen model.",
      ],
      ["`GET /v1/status`", "Version, device, model in memory, queue, storage, limits, and the name of the key."],
    ].map((cells) => ({ cells })),
  },
  {
    text: "An item has the fields of `picture` in [WatchItem](#watchitem). `parameters` is the task that reproduces it, `parents` the images that it was made from. `taskUUID` and `index` name the result.",
  },
  {
    text: "A `watch` task subscribes a WebSocket to the same events, see [progress and previews](../apps/websocket.md#progress-and-previews).",
  },
];
