import type { Model } from "../../src/engine/model.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import type { Pass } from "../../src/engine/transformer-chain.ts";
import { free, type HostTensor } from "../../src/onnx/index.ts";

/** Numbers from -1 to 1, the same in every run. */
export function waves(...dims: number[]): HostTensor {
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(i * 1.7) * Math.cos(i * 0.31);
  return { data, dims };
}

/** A pass of a square image whose latents and text are waves. @param side pixels */
export async function somePass(model: Model, side: number, textTokens: number): Promise<Pass> {
  const cells = side / 16;
  const { config } = model.transformer;
  const [modulation] = await model.modulations([0.7]);
  return {
    latents: waves(1, cells * cells, config.in_channels),
    text: waves(1, textTokens, config.joint_attention_dim),
    rotary: jointRotary(textTokens, [{ rows: cells, columns: cells }], model.ropeAxes),
    modulation: modulation!,
  };
}

/** The velocity of a pass, on the host. */
export async function velocityOf(model: Model, pass: Pass): Promise<Float32Array> {
  const velocity = await model.velocity(pass);
  const { data } = await model.arithmetic.toHost(velocity);
  free(velocity);
  return data;
}
