import { z } from "zod";
import type { DeviceName } from "../engine/index.ts";
import { field, float, someOf, text } from "../fields/index.ts";
import { DEFAULT_SAFETY_RULE, SAFETY_CLASSES, SAFETY_POLICIES } from "./safety.ts";
import { choice, count, line, setting, truth } from "./setting.ts";

/** `DeviceName` as a pattern. */
const DEVICE_NAME = z.custom<DeviceName>((given) => /^(auto|cpu|webgpu|cuda(:\d{1,2})?)$/.test(String(given)));
/** Each device is a process with a checkpoint in memory. */
const MOST_DEVICES = 16;

/** Settings of generation: devices, and the treatment of unsafe images. */
export const DRAWING = {
  threads: count("INKSTONE_THREADS", 0, 0, 1024, "Processor threads that generate images. 0: one per core."),
  devices: setting(
    "INKSTONE_DEVICE",
    "NAME,NAME,…",
    field(
      z.tuple([DEVICE_NAME], DEVICE_NAME).refine(({ length }) => length <= MOST_DEVICES),
      {
        type: "string[]",
        rule: "`auto`, `cpu`, `webgpu`, `cuda` or `cuda:N`, or several with commas between",
        about:
          "Device that generates images. `auto` uses a GPU that passes its tests and is faster than the processor. A list starts an engine for each: `cuda:0,cuda:1`.",
      },
    ).default(["cpu"]),
  ),
  precision: choice(
    "INKSTONE_PRECISION",
    ["float32", "float16", "auto"],
    "float32",
    "Numbers that a GPU multiplies. `float16` is faster and takes less memory, with slightly other images. `auto` uses it if the GPU has it and passes its test.",
  ),
  modelIdle: count(
    "INKSTONE_MODEL_IDLE",
    0,
    0,
    10_080,
    "Minutes without a task before the model leaves memory. The next task loads it again. 0: never.",
  ),
  deviceMemoryMB: count(
    "INKSTONE_DEVICE_MEMORY_MB",
    0,
    0,
    10_000_000,
    "Megabytes of GPU memory for weights and one image. A checkpoint that needs more is refused with numbers. 0: the free memory, if the device reports it (CUDA).",
  ),
  stepTimeout: count(
    "INKSTONE_STEP_TIMEOUT",
    600,
    1,
    86_400,
    "Seconds without progress before the engine is restarted.",
  ),
  maxAttempts: count(
    "INKSTONE_MAX_ATTEMPTS",
    3,
    1,
    20,
    "Attempts of a task before it fails, when the engine process ends unexpectedly.",
  ),
  safetyPolicy: choice(
    "INKSTONE_SAFETY_POLICY",
    SAFETY_POLICIES,
    "deliver",
    "Treatment of flagged images: `deliver` marks them, `withhold` replaces them with a grey image, `refuse` fails the task with `nsfwContentDetected`.",
  ),
  safetyThreshold: setting(
    "INKSTONE_SAFETY_THRESHOLD",
    "0…1",
    float("Least probability of a flagged image: the sum over the unsafe classes.", {
      min: 0,
      max: 1,
    }).default(DEFAULT_SAFETY_RULE.threshold),
  ),
  safetyClasses: setting(
    "INKSTONE_SAFETY_CLASSES",
    "NAME,NAME,…",
    someOf("Classes that count as unsafe.", SAFETY_CLASSES).default([...DEFAULT_SAFETY_RULE.classes]),
  ),
  safetyAlways: truth(
    "INKSTONE_SAFETY_ALWAYS",
    false,
    "Check every image, even if the request did not ask for it. Replies contain `NSFWContent` only if the request asked for the check.",
  ),
  faceModel: setting(
    "INKSTONE_FACE_MODEL",
    "FILE",
    text(
      "YOLO face network as ONNX (Ultralytics' export) that finds faces. Default: the built-in detector.",
      line,
    ).optional(),
  ),
  finishingIdle: count(
    "INKSTONE_FINISHING_IDLE",
    60,
    1,
    86_400,
    "Seconds without use before the networks for safety and faces are unloaded.",
  ),
} as const;
