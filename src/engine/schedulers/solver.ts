/** Predicted velocity dx/dσ of packed latents at a noise level; guidance, control and caches are inside. */
export type Velocity = (latents: Float32Array, sigma: number) => Promise<Float32Array>;

/** What a solver is given: a flow ODE to follow from `sigmas[0]` down to `sigmas[steps] = 0`. */
export interface FlowProblem {
  /** steps + 1 falling noise levels, the last one 0. */
  readonly sigmas: readonly number[];
  readonly velocity: Velocity;
  /** Fresh standard normal noise of the latents' length, from the picture's seed, so that stochastic solvers repeat. */
  readonly gaussian: () => Float32Array;
}

/** Follows the flow step by step, remembering what it needs of earlier steps. */
export interface Solver {
  /**
   * Latents at `sigmas[step]` → latents at `sigmas[step + 1]`. Steps are taken in order, though not always from the first.
   * The input array is not changed; the result is a new one.
   */
  step(latents: Float32Array, step: number): Promise<Float32Array>;
}

export type CreateSolver = (problem: FlowProblem) => Solver;
