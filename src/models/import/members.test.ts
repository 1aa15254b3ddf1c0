import { expect, test } from "vitest";
import { parseCard } from "../card.ts";
import { costPerPicture } from "../price.ts";
import { distilledSteps, knownCheckpoint, memberNamed, publishedAir } from "./members.ts";

const LIGHTNING = "lightx2v/Qwen-Image-Lightning";
const LIGHTNING_2512 = "lightx2v/Qwen-Image-2512-Lightning";

test.each<[string, string | undefined, string | undefined]>([
  ["Qwen/Qwen-Image", undefined, "runware:108@1"],
  ["Qwen/Qwen-Image-2512", undefined, "alibaba:qwen-image@2512"],
  ["Qwen/Qwen-Image-Edit", undefined, "runware:108@20"],
  ["Qwen/Qwen-Image-Edit-2509", undefined, "runware:108@22"],
  ["Qwen/Qwen-Image-Edit-2511", undefined, "alibaba:qwen-image-edit@2511"],
  ["Qwen/Qwen-Image-Layered", undefined, undefined],
  ["me/Qwen-Image", undefined, undefined],
  ["Qwen/Qwen-Image", "transformer/a.safetensors", undefined],
  [LIGHTNING, "Qwen-Image-Lightning-4steps-V1.0.safetensors", "runware:108@5"],
  [LIGHTNING, "Qwen-Image-Lightning-4steps-V2.0-bf16.safetensors", "runware:108@5"],
  [LIGHTNING, "Qwen-Image-Lightning-8steps-V1.0.safetensors", "runware:108@6"],
  [LIGHTNING, "Qwen-Image-Lightning-8steps-V1.1.safetensors", "runware:108@7"],
  [LIGHTNING, "Qwen-Image-Lightning-8steps-V2.0.safetensors", "runware:108@7"],
  [LIGHTNING, "Qwen-Image-Edit-Lightning-8steps-V1.0.safetensors", "runware:108@21"],
  [LIGHTNING, "Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors", undefined],
  [LIGHTNING_2512, "Qwen-Image-2512-Lightning-4steps-V1.0-fp32.safetensors", undefined],
  ["me/Qwen-Image-Lightning", "Qwen-Image-Lightning-4steps-V1.0.safetensors", undefined],
])("%s %s has the AIR %s", (repo, file, air) => expect(publishedAir(repo, file)).toBe(air));

test.each([
  ["qwen-image-Q4_K_M.gguf", "base"],
  ["qwen_image_2512_fp8_e4m3fn.safetensors", "2512"],
  ["qwen_image_edit_bf16.safetensors", "edit"],
  ["Qwen-Image-Edit-2509-Q5_K_S.gguf", "edit-2509"],
  ["qwen_image_edit_plus_fp8.safetensors", "edit-2509"],
  ["qwen_image_edit_2511_int8_convrot.safetensors", "edit-2511"],
] as const)("%s is the member %s", (file, member) => expect(memberNamed(file)).toBe(member));

test.each([
  ["Qwen-Image-fp8-e4m3fn-Lightning-4steps-V1.0-bf16.safetensors", 4],
  ["qwen_image_edit_2511_fp8_e4m3fn_scaled_lightning_comfyui_4steps_v1.0.safetensors", 4],
  ["Qwen-Image-2512-Lightning-8steps.gguf", 8],
  ["qwen_image_4step_lightning.safetensors", 4],
  ["qwen-image-Q8_0.gguf", undefined],
  ["my-qwen-2000steps.safetensors", undefined],
])("%s is distilled to %s steps", (file, steps) => expect(distilledSteps(file)).toBe(steps));

/** The whole card of a published checkpoint. */
const card = (file: string) =>
  parseCard({ air: "me:a@1", name: file, ...knownCheckpoint(file, memberNamed(file)) }, "test");

test.each([
  ["Qwen/Qwen-Image", 20, 4, 0.0051],
  ["Qwen/Qwen-Image-2512", 20, 4, 0.0051],
  ["Qwen/Qwen-Image-Edit", 50, 4, 0.0045],
  ["Qwen/Qwen-Image-Edit-2509", 40, 4, 0.0141],
  ["Qwen/Qwen-Image-Edit-2511", 40, 4, 0.0063],
  ["Qwen-Image-2512-Lightning-4steps.safetensors", 4, 1, 0.0013],
  ["Qwen-Image-Edit-2509-Lightning-8steps.gguf", 8, 1, 0.0141],
] as const)("%s: %i steps, CFGScale %i, $%f an image", (file, steps, CFGScale, dollars) => {
  const { defaults, price, tags } = card(file);
  expect(defaults).toEqual({ steps, CFGScale, width: 1024, height: 1024 });
  expect(costPerPicture(price, { width: 1024, height: 1024, steps })).toBe(dollars);
  expect(tags).toEqual(["qwen-image", /edit/i.test(file) ? "image-to-image" : "text-to-image"]);
});
