import { expect, test } from "vitest";
import { textEncoderConfig } from "./checkpoint/config.ts";
import { textEncoderSizes } from "./text-encoder.ts";

const sizes = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
};

test.each([
  [{}, 1_000_000],
  [{ rope_theta: 10_000 }, 10_000],
  [{ rope_parameters: { rope_theta: 20_000 } }, 20_000],
  [{ rope_theta: 10_000, rope_parameters: { rope_theta: 20_000 } }, 10_000],
])("in %j the base of the rotary angles is %d", (more, theta) => {
  expect(textEncoderSizes(textEncoderConfig.parse({ ...sizes, ...more })).theta).toBe(theta);
});

test("heads share the width evenly unless the config sets their size", () => {
  expect(textEncoderSizes(textEncoderConfig.parse(sizes)).headDim).toBe(16);
  expect(textEncoderSizes(textEncoderConfig.parse({ ...sizes, head_dim: 32 })).headDim).toBe(32);
});
