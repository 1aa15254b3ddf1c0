/**
 * OpenAI's images API for its official clients, Open WebUI and LibreChat: `POST /v1/images/generations`, `/edits` and
 * `/variations`, `GET /v1/models`. It uses the same tasks, queue and limits.
 */

import multipart from "@fastify/multipart";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ModelSummary } from "../../../models/index.ts";
import { type ErrorItem, errorKind, parseTask, TaskError } from "../../../protocol/index.ts";
import { answerBatch } from "../batch.ts";
import { SMALL_BODY_BYTES } from "../body.ts";
import { bearerKey, type Caller, identify } from "../caller.ts";
import { hangUpSignal } from "../hang-up.ts";
import { takePictures } from "../inline-pictures.ts";
import { modelItem } from "../model-item.ts";
import type { HttpPorts } from "../ports.ts";
import { asTaskError, cutSlowReader, made } from "../reply.ts";
import { openContext, type Shared } from "../request-context.ts";
import { inputPictures, readForm } from "./pictures.ts";
import {
  editingModel,
  type ImagesRequest,
  modelFor,
  OpenAIError,
  prompted,
  readImages,
  type TaskRequest,
  taskFor,
  variation,
} from "./request.ts";
import { openPictureStream } from "./stream.ts";

/** Most files of a form: OpenAI's own limit. */
const MOST_FILES = 16;

/** Strength of a variation, and of the transparent area of a mask. */
const VARIATION_STRENGTH = 0.7;
const MASKED_STRENGTH = 1;

export function openAIRoutes(app: FastifyInstance, shared: Shared): void {
  const { ports } = shared;
  app.register(async (front) => {
    const limits = {
      fileSize: ports.settings.maxBodyBytes,
      files: MOST_FILES,
      fields: 50,
      fieldSize: 256 * 1024,
      parts: 100,
    };
    await front.register(multipart, { limits });
    front.setErrorHandler((thrown, request, reply) => refuse(ports, thrown, request, reply));
    // The key is checked before the body is read.
    front.decorateRequest<Caller | undefined>("caller", undefined);
    front.addHook("onRequest", async (request) =>
      request.setDecorator("caller", await identify(ports.keys, bearerKey(request.raw), request.raw)),
    );

    front.post("/v1/images/generations", async (request, reply) => {
      const wanted = readImages(prompted, await jsonBody(shared, request));
      const task = taskFor(wanted, await modelNamed(ports, wanted.model));
      return draw({ shared, request, reply }, wanted, task, "image_generation");
    });
    front.post("/v1/images/edits", async (request, reply) => {
      const form = await readForm(request.parts());
      const wanted = readImages(prompted, form.fields);
      const name = editingModel(wanted.model, await checkpoints(ports), form.images.length);
      const model = await modelNamed(ports, name);
      const pictures = await inputPictures(form, ports.settings.maxImagePixels, model?.references?.max ?? 0);
      const strength = wanted.strength ?? (pictures.maskImage === undefined ? undefined : MASKED_STRENGTH);
      const task = taskFor({ ...wanted, model: name, strength }, model, pictures);
      return draw({ shared, request, reply }, wanted, task, "image_edit");
    });
    front.post("/v1/images/variations", async (request, reply) => {
      const form = await readForm(request.parts());
      const wanted = readImages(variation, form.fields);
      const pictures = await inputPictures(form, ports.settings.maxImagePixels, 0);
      const strength = wanted.strength ?? VARIATION_STRENGTH;
      const task = taskFor({ ...wanted, strength }, await modelNamed(ports, wanted.model), pictures);
      return draw({ shared, request, reply }, wanted, task, "image_generation");
    });

    front.get("/v1/models", async () => {
      const [found, inMemory] = await Promise.all([checkpoints(ports), ports.inMemory()]);
      return { object: "list", data: await Promise.all(found.map((one) => modelItem(one, inMemory, ports))) };
    });
    front.get<{ Params: { "*": string } }>("/v1/models/*", async (request) => {
      const name = request.params["*"];
      const found = await modelNamed(ports, name);
      if (!found)
        throw new OpenAIError(404, `The model '${name.slice(0, 100)}' does not exist.`, "model", "model_not_found");
      return modelItem(found, await ports.inMemory(), ports);
    });
  });
}

interface Exchange {
  readonly shared: Shared;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Runs the task and answers with its images, as one object or as events. */
async function draw(
  { shared, request, reply }: Exchange,
  wanted: ImagesRequest,
  task: TaskRequest,
  kind: "image_generation" | "image_edit",
) {
  const { ports } = shared;
  const { owner } = request.getDecorator<Caller>("caller");
  const { width, height, taskUUID, outputFormat: format } = task;
  const size = width === undefined || height === undefined ? undefined : { width, height };
  const facts = {
    size: size && `${size.width}x${size.height}`,
    quality: wanted.quality ?? "auto",
    background: "opaque",
    output_format: wanted.output_format ?? "png",
  };
  const partialImages = wanted.partial_images ?? 0;
  if (!wanted.stream) {
    if (partialImages > 0) {
      const reason = "Partial images need 'stream': true.";
      throw new OpenAIError(400, reason, "partial_images", "invalid_value");
    }
    const data = await picturesOf({ shared, request, reply }, task);
    cutSlowReader(reply, ports.settings.sendTimeout);
    return reply.send({ created: Math.floor(Date.now() / 1000), ...facts, data });
  }
  const stream = await openPictureStream(ports, owner, reply, { taskUUID, kind, partialImages, format, size, facts });
  try {
    await stream.completed(await picturesOf({ shared, request, reply }, task));
  } catch (thrown) {
    if (!stream.begun) throw thrown;
    const { status: _, ...error } = errorBody(ports, thrown, request);
    await stream.failed(error);
  } finally {
    stream.close();
  }
  return reply;
}

/** Runs the task and returns its images in OpenAI's form. @throws OpenAIError */
async function picturesOf({ shared, request, reply }: Exchange, task: TaskRequest) {
  const caller = request.getDecorator<Caller>("caller");
  const context = openContext(shared, request.raw);
  const pictures = takePictures(task, caller.owner);
  const batch = { parsed: [parseTask(task)], pictures };
  const answer = await answerBatch(context, caller, batch, hangUpSignal(request, reply));
  const [refused] = answer.errors;
  if (refused) throw asOpenAIError(refused);
  const data: { b64_json?: string; url?: string }[] = [];
  for (const lazy of answer.data) {
    const result = await made(lazy, context.documentation);
    if ("failed" in result) throw asOpenAIError(result.failed);
    const item = result.item as { imageURL?: string; imageBase64Data?: string };
    data.push(item.imageURL === undefined ? { b64_json: item.imageBase64Data } : { url: item.imageURL });
  }
  return data;
}

const checkpoints = async ({ models }: HttpPorts): Promise<ModelSummary[]> =>
  (await models.list()).filter(({ category }) => category === "checkpoint");

/** The installed checkpoint of a request; undefined if it does not exist. */
async function modelNamed(ports: HttpPorts, name: string | null | undefined): Promise<ModelSummary | undefined> {
  const wanted = modelFor(name);
  return (await checkpoints(ports)).find(({ air, aliases = [] }) => air === wanted || aliases.includes(wanted));
}

async function jsonBody({ bodies }: Shared, { body }: FastifyRequest): Promise<unknown> {
  const bytes = (body as Buffer | undefined) ?? Buffer.alloc(0);
  const large = bytes.length > SMALL_BODY_BYTES;
  return (large ? await bodies.parseLarge(bytes, undefined) : bodies.parse(bytes, undefined)).json;
}

/** Parameters of the task, mapped to OpenAI's names. */
const PARAMS: Readonly<Record<string, string>> = {
  positivePrompt: "prompt",
  negativePrompt: "negative_prompt",
  numberResults: "n",
  width: "size",
  height: "size",
  CFGScale: "cfg_scale",
  outputFormat: "output_format",
  outputQuality: "output_compression",
  "inputs.seedImage": "image",
  "inputs.maskImage": "mask",
  "inputs.referenceImages": "image",
  "inputs.strength": "strength",
};

function asOpenAIError({ code, message, parameter }: ErrorItem): OpenAIError {
  const [path] = [parameter].flat();
  const param = path === undefined ? null : (PARAMS[path] ?? path);
  return new OpenAIError(errorKind(code as Parameters<typeof errorKind>[0]).status, message, param, code);
}

/** Sends `{"error": {message, type, param, code}}`, the error form of OpenAI. */
function refuse(ports: HttpPorts, thrown: unknown, request: FastifyRequest, reply: FastifyReply) {
  const { status, ...error } = errorBody(ports, thrown, request);
  return reply.code(status).send({ error });
}

/** Converts an error to OpenAI's form and its status, and records it. */
function errorBody({ log, metrics }: HttpPorts, thrown: unknown, { url: path }: FastifyRequest) {
  const error = thrown instanceof OpenAIError ? thrown : ofServer(thrown);
  if (error.status >= 500) log.error({ err: thrown, path }, "request failed");
  if (thrown instanceof TaskError) metrics.refused(thrown.code);
  const { message, param, code, status } = error;
  const type =
    status === 401
      ? "authentication_error"
      : status === 429
        ? "rate_limit_error"
        : status >= 500
          ? "server_error"
          : "invalid_request_error";
  return { message, type, param, code, status };
}

function ofServer(thrown: unknown): OpenAIError {
  const { statusCode, message, code } = thrown as { statusCode?: number; message: string; code?: string };
  if (!(thrown instanceof TaskError) && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new OpenAIError(statusCode, message, null, code ?? null);
  }
  const { body } = asTaskError(thrown);
  return asOpenAIError({ ...body, taskType: "imageInference" } as unknown as ErrorItem);
}
