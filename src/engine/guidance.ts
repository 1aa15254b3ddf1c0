/**
 * True classifier-free guidance with Qwen-Image's norm rescale: the combination keeps the length that the conditional
 * velocity had at each token. Source: model spec 6.3 (`QwenImagePipeline.__call__` in diffusers).
 *
 * @param positive velocity for the prompt, [L, features]
 * @param negative velocity for the negative prompt, same shape
 * @param scale above 1
 */
export function guide(positive: Float32Array, negative: Float32Array, scale: number, features: number): Float32Array {
  const guided = new Float32Array(positive.length);
  for (let token = 0; token < positive.length; token += features) {
    let wanted = 0;
    let got = 0;
    for (let i = token; i < token + features; i++) {
      const combined = Math.fround(negative[i]! + scale * (positive[i]! - negative[i]!));
      guided[i] = combined;
      wanted += positive[i]! ** 2;
      got += combined ** 2;
    }
    const rescale = Math.sqrt(wanted) / Math.sqrt(got);
    for (let i = token; i < token + features; i++) guided[i]! *= rescale;
  }
  return guided;
}
