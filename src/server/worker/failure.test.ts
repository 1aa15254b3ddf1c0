import { expect, test } from "vitest";
import { accepted } from "../../../test/support/checked-tasks.ts";
import { ParameterError } from "../../engine/index.ts";
import { failureOf } from "./failure.ts";

test("LoRAs that need too much memory are the caller's error, by name", () => {
  const task = accepted({ lora: [{ model: "me:big@1" }, { model: "me:other@1" }] });
  const { error, again } = failureOf(new ParameterError("loras", "loras change too many layers"), task);
  expect(again).toBe(false);
  expect(error.body).toMatchObject({ code: "invalidLora", parameter: "lora" });
  expect(error.message).toContain("loras change too many layers");
});

test("ControlNets that overflow together are the caller's error, by name", () => {
  const controlNet = [{ model: "me:a@1", guideImage: "https://me.example/a.png" }];
  const { error, again } = failureOf(new ParameterError("controls", "controls: with a, b"), accepted({ controlNet }));
  expect([again, error.body]).toEqual([false, expect.objectContaining({ parameter: "controlNet" })]);
});
