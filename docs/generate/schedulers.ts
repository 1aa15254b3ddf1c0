import { SCHEDULERS } from "../../src/engine/index.ts";
import type { Block } from "./blocks.ts";

/** The page of the schedulers: names, and what stands behind them. */
export function schedulersReference(): Block[] {
  const solvers = [...new Set(SCHEDULERS.map(({ solver }) => solver))];
  const spacings = [...new Set(SCHEDULERS.map(({ spacing }) => spacing))];
  return [
    { heading: "Schedulers", level: 1 },
    {
      text: "A scheduler's name selects a solver and its noise levels. The solver follows the model from noise to image. Letter case does not matter. `UniPCMultistepScheduler` means `UniPC`, `Euler DiscreteScheduler` means `EulerDiscreteScheduler`. `inkstone schedulers` prints the table.",
    },
    {
      text: "The names come from models of several kinds. Qwen-Image is a flow: latents at level σ are `(1 - σ) · image + σ · noise`. σ falls from 1 to 0, and the model predicts `v = noise - image`. Solvers that use signal-to-noise ratios take `λ = ln((1 - σ) / σ)`, as diffusers does with `use_flow_sigmas`. Pure noise counts as σ = 1 - 10⁻⁶ there, and the last step always goes to σ = 0.",
    },
    {
      text: "All schedulers with the bundled checkpoint, 20 steps, one seed (`npm run sheet:schedulers -- models/nano docs/images/schedulers.webp`):\n\n![75 small images of the same green wall, alike except for the random solvers](../images/schedulers.webp)",
    },
    { heading: "Names", level: 2 },
    {
      text: "Random solvers add noise on the way. It comes from the image's seed, so the same request gives the same image.",
    },
    {
      columns: ["name", "solver", "noise levels", "random", "why"],
      rows: SCHEDULERS.map(({ name, solver, spacing, note }) => ({
        cells: [`\`${name}\``, solver.title, spacing.title, solver.stochastic ? "yes" : "", note ?? ""],
      })),
    },
    { heading: "Solvers", level: 2 },
    { text: "Order p: a step of length h errs by h^(p+1) once the solver has the earlier steps it needs." },
    {
      columns: ["solver", "order", "evaluations a step", ""],
      rows: solvers.map(({ title, order, evaluations, about }) => ({
        cells: [title, order === undefined ? "" : String(order), String(evaluations), about],
      })),
    },
    { heading: "Noise levels", level: 2 },
    {
      columns: ["spacing", ""],
      rows: spacings.map(({ title, about }) => ({ cells: [title, about] })),
    },
  ];
}
