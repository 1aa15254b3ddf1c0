import { deis, dpmMultistep, dpmSinglestep } from "./exponential.ts";
import { ipndm, lms, plms } from "./linear-multistep.ts";
import { dpm2, euler, heun } from "./runge-kutta.ts";
import type { CreateSolver } from "./solver.ts";
import { ddpm, dpm2Ancestral, eulerAncestral, lcm, tcd } from "./stochastic.ts";
import { unipc } from "./unipc.ts";

/** A method to follow the flow, and its cost. */
export interface SolverKind {
  readonly title: string;
  readonly about: string;
  readonly create: CreateSolver;
  /** p: the error of a step of length h is of order h^{p+1} after the first steps. Only for solvers without noise. */
  readonly order?: number;
  /** True when it adds noise during the steps, from the image's seed. */
  readonly stochastic: boolean;
  /** Model evaluations in each step, except the first or last. */
  readonly evaluations: 1 | 2;
}

const ode = { stochastic: false, evaluations: 1 } as const;
const sde = { stochastic: true, evaluations: 1 } as const;

/** All solvers, by name. */
export const SOLVERS = {
  euler: {
    title: "Euler",
    about: "First order. The default of the model.",
    create: euler,
    order: 1,
    ...ode,
  },
  eulerAncestral: {
    title: "Euler ancestral",
    about: "An Euler step below the next level, then new noise up to it, in the shares of a flow (η = 1).",
    create: eulerAncestral,
    ...sde,
  },
  heun: {
    title: "Heun",
    about: "Second order: the mean velocity of both ends of a step.",
    create: heun,
    order: 2,
    ...ode,
    evaluations: 2,
  },
  dpm2: {
    title: "DPM2",
    about: "Second order: the velocity at the middle of a step in ln σ.",
    create: dpm2,
    order: 2,
    ...ode,
    evaluations: 2,
  },
  dpm2Ancestral: {
    title: "DPM2 ancestral",
    about: "A DPM2 step below the next level, then new noise up to it, in the shares of a flow (η = 1).",
    create: dpm2Ancestral,
    ...sde,
    evaluations: 2,
  },
  lms: {
    title: "LMS",
    about: "Fourth order: the polynomial in σ through the last four velocities, for steps of any length.",
    create: lms,
    order: 4,
    ...ode,
  },
  ipndm: {
    title: "IPNDM",
    about: "Adams–Bashforth with the weights of equal steps, up to four velocities: fourth order if steps are equal.",
    create: ipndm,
    order: 4,
    ...ode,
  },
  plms: {
    title: "PLMS",
    about: "Like IPNDM, but it starts with a Heun step.",
    create: plms,
    order: 4,
    ...ode,
  },
  dpm2s: {
    title: "DPM-Solver++ 2S",
    about: "Second order over pairs of steps, one evaluation a step, for a predicted image linear in λ.",
    create: dpmSinglestep({ stochastic: false }),
    order: 2,
    ...ode,
  },
  dpm2sSde: {
    title: "SDE-DPM-Solver++ 2S",
    about: "The stochastic form of DPM-Solver++ 2S.",
    create: dpmSinglestep({ stochastic: true }),
    ...sde,
  },
  dpm2m: {
    title: "DPM-Solver++ 2M",
    about: "Second order from the last two predicted images, in λ.",
    create: dpmMultistep({ order: 2, stochastic: false }),
    order: 2,
    ...ode,
  },
  dpm2mSde: {
    title: "SDE-DPM-Solver++ 2M",
    about: "The stochastic form of DPM-Solver++ 2M.",
    create: dpmMultistep({ order: 2, stochastic: true }),
    ...sde,
  },
  dpm3m: {
    title: "DPM-Solver++ 3M",
    about: "From the last three predicted images, in λ, with the published formula: order 2, with a smaller error.",
    create: dpmMultistep({ order: 3, stochastic: false }),
    order: 2,
    ...ode,
  },
  dpm3mSde: {
    title: "SDE-DPM-Solver++ 3M",
    about: "The stochastic form of DPM-Solver++ 3M, as in k-diffusion.",
    create: dpmMultistep({ order: 3, stochastic: true }),
    ...sde,
  },
  unipc2: {
    title: "UniPC 2",
    about: "Predictor and corrector of second order in λ, B₂(h), with shared evaluations.",
    create: unipc({ order: 2 }),
    order: 2,
    ...ode,
  },
  unipc3: {
    title: "UniPC 3",
    about: "Predictor and corrector of third order in λ, B₂(h), with shared evaluations.",
    create: unipc({ order: 3 }),
    order: 3,
    ...ode,
  },
  deis: {
    title: "DEIS",
    about: "Second order from the last two predicted noises, linear in ln(σ / (1 - σ)).",
    create: deis,
    order: 2,
    ...ode,
  },
  ddpm: {
    title: "DDPM",
    about: "Samples each step from the distribution of the next latents, given the predicted image (η = 1).",
    create: ddpm,
    ...sde,
  },
  lcm: {
    title: "LCM",
    about: "The predicted image, with new noise at each step.",
    create: lcm,
    ...sde,
  },
  tcd: {
    title: "TCD",
    about: "Between Euler and LCM, γ = 0.3.",
    create: tcd,
    ...sde,
  },
} as const satisfies Record<string, SolverKind>;
