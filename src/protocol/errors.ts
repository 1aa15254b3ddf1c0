/** The catalogue of errors: every code, its HTTP status and its message template. Codes are never reused. */

/** One entry of the catalogue. Placeholders such as `{name}` in the message are filled in when the error is raised. */
export interface ErrorKind {
  readonly status: number;
  readonly message: string;
  /** The conditions that raise the error, for the reference page. */
  readonly when: string;
}

/** Codes with a fixed name. Two families are named after a parameter instead: `invalid…` and `missing…`. */
export const ERRORS = {
  // The request
  invalidRequest: {
    status: 400,
    message: "Invalid request. {reason}",
    when: "The body or frame is not UTF-8, not JSON, or not an array of task objects.",
  },
  requestTooLarge: {
    status: 413,
    message: "The request is too large. At most {limit} bytes are accepted.",
    when: "The body exceeds the limit of the server.",
  },
  unsupportedContentEncoding: {
    status: 415,
    message: "The body is compressed ({given}). Send it uncompressed, without the header 'Content-Encoding'.",
    when: "The body is compressed. Images are already compressed, and prompts are short.",
  },
  requestTimeout: {
    status: 408,
    message: "The request did not arrive within {seconds} seconds.",
    when: "The body arrives too slowly.",
  },
  maxTasksExceeded: {
    status: 400,
    message: "Too many tasks in one request: {given}. At most {limit} are accepted.",
    when: "The array holds more tasks than the server accepts at once.",
  },
  notFound: { status: 404, message: "There is nothing at {path}.", when: "The path does not exist." },

  // The caller
  invalidApiKey: {
    status: 401,
    message: "Invalid API key. Create one with 'inkstone keys create'.",
    when: "The key is unknown, revoked or, on WebSocket, absent.",
  },
  missingApiKey: {
    status: 401,
    message: "Missing API key. Send it as 'Authorization: Bearer KEY' or as the first task of the request.{reason}",
    when: "An HTTP request carries no key, neither in its header nor in the first 65,536 bytes of its body.",
  },
  forbidden: {
    status: 403,
    message: "This server has no API keys set, so it answers only callers on the same machine.",
    when: "No keys are configured and the caller is not on the loopback interface.",
  },

  // The task
  unsupportedTaskType: {
    status: 400,
    message: "Unsupported task type: {given}. Supported values are: {allowed}.{reason}",
    when: "`taskType` is not one that this server runs.",
  },
  unsupportedParameter: {
    status: 400,
    message:
      "Unsupported use of '{parameter}' parameter. This parameter is not supported. Allowed values are: {allowed}.",
    when: "The task holds a key that its type does not have. The whole task is refused.",
  },
  incompatibleParameters: {
    status: 400,
    message: "Parameter '{first}' and Parameter '{second}' cannot be used together. {reason}",
    when: "Two parameters exclude each other, or an old and a new spelling of one parameter disagree.",
  },
  conflictTaskUUID: {
    status: 400,
    message:
      "The taskUUID {taskUUID} already belongs to a task with other parameters. Use a new UUID v4 for a new task.",
    when: "The taskUUID is known, but the parameters differ. With equal parameters the known task is answered instead.",
  },
  unknownModel: {
    status: 404,
    message: "Unknown model '{model}'. Available models are: {allowed}.",
    when: "The AIR is well formed, but no such model is installed.",
  },
  permissionDenied: {
    status: 403,
    message: "This server does not allow this. {reason}",
    when: "`modelUpload` is disabled (`INKSTONE_MAX_MODEL_MB`).",
  },
  modelAlreadyExists: {
    status: 400,
    message: "A model '{air}' is already installed. Use another AIR, or remove the model first.",
    when: "modelUpload names an AIR that is taken.",
  },
  unsupportedPreProcessorType: {
    status: 400,
    message:
      "The preprocessor '{given}' does not come with Inkstone. Supported are: {allowed}. You can use a guide image from another program.",
    when: "Inkstone does not have this preprocessor of the API: depth, poses and others need neural networks.",
  },
  rateLimitExceeded: {
    status: 429,
    message: "The queue is full: {waiting} tasks are waiting. Try again in {seconds} seconds.",
    when: "The queue is full, or one key has used its share of it.",
  },
  quotaExceeded: {
    status: 429,
    message: "This key {reason} Try again in {seconds} seconds.",
    when: "A key stores, or is sending, as many bytes as the operator allows.",
  },

  // The life of a task
  taskFailedOrNotFound: {
    status: 404,
    message: "No task with the taskUUID {taskUUID} is known to this key.",
    when: "getResponse, getTaskDetails, a cancellation or an event stream names an unknown task, or one that is no longer kept.",
  },
  mediaNotFound: {
    status: 404,
    message: "There is no image {mediaUUID} of this key.",
    when: "mediaStorage deletes an image that does not exist.",
  },
  imageExpired: {
    status: 404,
    message: "The image {imageUUID} is no longer kept.",
    when: "A result is requested as base64 or data URI after its image was deleted.",
  },
  taskCancelled: { status: 409, message: "The task was cancelled.", when: "The client cancelled it, or disconnected." },
  syncTimeout: {
    status: 504,
    message: "The task is not finished after {seconds} seconds. It continues. Poll it with getResponse.",
    when: "A sync task takes longer than `INKSTONE_SYNC_TIMEOUT`.",
  },
  inferenceError: {
    status: 500,
    message: "The task failed while the image was generated. {reason}",
    when: "The engine reported an error, or its process ended too often.",
  },
  engineTimeout: {
    status: 504,
    message: "The engine made no progress for {seconds} seconds.",
    when: "The engine made no progress. Its process was ended, and no attempt is left.",
  },
  modelUnavailable: {
    status: 503,
    message: "The model '{model}' cannot be loaded. {reason}",
    when: "The checkpoint is damaged or does not fit into memory.",
  },
  nsfwContentDetected: {
    status: 400,
    message: "The safety check of this server refused result {result}.",
    when: "The image is unsafe, and the server refuses such images (`INKSTONE_SAFETY_POLICY`). Earlier results are kept.",
  },
  downloadFailed: {
    status: 400,
    message: "The address in '{parameter}' cannot be downloaded. {reason}",
    when: "The URL of an image or model refuses, is too large, too slow, or not allowed.",
  },

  // The server
  serviceUnavailable: {
    status: 503,
    message: "The server cannot take tasks now. {reason}",
    when: "The server is starting or stopping, or its database or disk is not usable.",
  },
  internalServerError: {
    status: 500,
    message: "An internal error occurred.",
    when: "A defect. The log has the details.",
  },
} as const satisfies Record<string, ErrorKind>;

/** A code of the catalogue, or one named after a parameter: `invalidWidth`, `missingPositivePrompt`. */
export type ErrorCode = keyof typeof ERRORS | `invalid${string}` | `missing${string}`;

/** The catalogue entry of any code. */
export function errorKind(code: ErrorCode): ErrorKind {
  if (Object.hasOwn(ERRORS, code)) return ERRORS[code as keyof typeof ERRORS];
  return code.startsWith("missing") ? MISSING_PARAMETER : INVALID_PARAMETER;
}

/** The family `invalid…`. */
export const INVALID_PARAMETER: ErrorKind = {
  status: 400,
  message: "Invalid value for '{parameter}' parameter. {rule} Received: {given}.",
  when: "The value has the wrong type or is not allowed for the parameter.",
};

/** The family `missing…`. */
export const MISSING_PARAMETER: ErrorKind = {
  status: 400,
  message: "Missing required parameter: '{parameter}'.{reason}",
  when: "A required parameter is absent, or another parameter needs it.",
};

/** Groups that exist only for nesting and are left out of codes: `inputs.seedImage` gives `invalidSeedImage`. */
const NESTING = new Set(["inputs", "settings", "advancedFeatures"]);

/** `invalidWidth`, `invalidLoraWeight`, `invalidUltralyticsSteps` … */
export const invalidCode = (path: string): `invalid${string}` => `invalid${codeName(path)}`;

/** `missingPositivePrompt`, `missingControlNetGuideImage` … */
export const missingCode = (path: string): `missing${string}` => `missing${codeName(path)}`;

function codeName(path: string): string {
  const parts = names(path);
  const shown = parts.length > 1 && NESTING.has(parts[0]!) ? parts.slice(1) : parts;
  return shown.map((part) => part[0]!.toUpperCase() + part.slice(1)).join("");
}

/** The path without list positions: `lora.0.weight` becomes `lora.weight`. */
export const withoutPositions = (path: string): string => names(path).join(".");

const names = (path: string): string[] => path.split(".").filter((part) => !/^\d+$/.test(part));

/** The name of a parameter in messages: "Positive prompt", "CFG scale", "Webhook URL". */
export function label(path: string): string {
  const parts = names(path);
  const words = parts.at(-1)!.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [parts.at(-1)!];
  const text = words.map((word) => (/^[A-Z]{2,}$/.test(word) ? word : word.toLowerCase())).join(" ");
  return text[0]!.toUpperCase() + text.slice(1);
}
