import { distance } from "fastest-levenshtein";
import { ParameterError } from "../check.ts";
import { SPACINGS, type Spacing } from "./sigmas.ts";
import { SOLVERS, type SolverKind } from "./solvers.ts";

/** A scheduler's name, its solver, and its noise levels. */
export interface Scheduler {
  readonly name: string;
  readonly solver: SolverKind;
  readonly spacing: Spacing;
  /** A remark, if the name was made for another kind of model. */
  readonly note?: string;
}

const NOTES = {
  ddim: "With η = 0 its step equals Euler on a flow. The name therefore selects the unshifted spacing only.",
  ddpm: "Its posterior for the flow's α = 1 - σ, with its original unshifted spacing.",
  deis: "Its first and last steps are Euler steps, so that it covers the range from pure noise to 0.",
  distilled: "For checkpoints or LoRAs distilled to a few steps; with others the image is soft.",
  edm: "EDM's noise range belongs to another process. The name therefore selects the Karras spacing only.",
  inverse:
    "The published scheduler goes from image to noise. Here it generates images, like the solver that it inverts.",
  pndm: "With the equal steps that its weights are made for.",
  singlestep: "Pairs of steps: a step costs one evaluation as in diffusers, not two as in k-diffusion.",
  uniform: '"Uniform" means no shift with the image size.',
};

const scheduler = (name: string, solver: SolverKind, spacing: Spacing, note?: string): Scheduler => ({
  name,
  solver,
  spacing,
  note,
});

/** All scheduler names of the API, in its order. */
export const SCHEDULERS: readonly Scheduler[] = [
  scheduler("DDIM", SOLVERS.euler, SPACINGS.uniform, NOTES.ddim),
  scheduler("DDIMScheduler", SOLVERS.euler, SPACINGS.uniform, NOTES.ddim),
  scheduler("DDPMScheduler", SOLVERS.ddpm, SPACINGS.uniform, NOTES.ddpm),
  scheduler("DEISMultistepScheduler", SOLVERS.deis, SPACINGS.model, NOTES.deis),
  scheduler("Default", SOLVERS.euler, SPACINGS.model),
  scheduler("DPM++", SOLVERS.dpm2s, SPACINGS.model, NOTES.singlestep),
  scheduler("DPM++ 2M", SOLVERS.dpm2m, SPACINGS.model),
  scheduler("DPM++ 2M Beta", SOLVERS.dpm2m, SPACINGS.beta),
  scheduler("DPM++ 2M Exponential", SOLVERS.dpm2m, SPACINGS.exponential),
  scheduler("DPM++ 2M Karras", SOLVERS.dpm2m, SPACINGS.karras),
  scheduler("DPM++ 2M SDE", SOLVERS.dpm2mSde, SPACINGS.model),
  scheduler("DPM++ 2M SDE Beta", SOLVERS.dpm2mSde, SPACINGS.beta),
  scheduler("DPM++ 2M SDE Exponential", SOLVERS.dpm2mSde, SPACINGS.exponential),
  scheduler("DPM++ 2M SDE Karras", SOLVERS.dpm2mSde, SPACINGS.karras),
  scheduler("DPM++ 2M SDE Uniform", SOLVERS.dpm2mSde, SPACINGS.uniform, NOTES.uniform),
  scheduler("DPM++ 2M Uniform", SOLVERS.dpm2m, SPACINGS.uniform, NOTES.uniform),
  scheduler("DPM++ 3M", SOLVERS.dpm3m, SPACINGS.model),
  scheduler("DPM++ 3M Beta", SOLVERS.dpm3m, SPACINGS.beta),
  scheduler("DPM++ 3M Exponential", SOLVERS.dpm3m, SPACINGS.exponential),
  scheduler("DPM++ 3M Karras", SOLVERS.dpm3m, SPACINGS.karras),
  scheduler("DPM++ 3M SDE Uniform", SOLVERS.dpm3mSde, SPACINGS.uniform, NOTES.uniform),
  scheduler("DPM++ 3M Uniform", SOLVERS.dpm3m, SPACINGS.uniform, NOTES.uniform),
  scheduler("DPM++ Beta", SOLVERS.dpm2s, SPACINGS.beta),
  scheduler("DPM++ Exponential", SOLVERS.dpm2s, SPACINGS.exponential),
  scheduler("DPM++ Karras", SOLVERS.dpm2s, SPACINGS.karras),
  scheduler("DPM++ SDE", SOLVERS.dpm2sSde, SPACINGS.model, NOTES.singlestep),
  scheduler("DPM++ SDE Beta", SOLVERS.dpm2sSde, SPACINGS.beta),
  scheduler("DPM++ SDE Exponential", SOLVERS.dpm2sSde, SPACINGS.exponential),
  scheduler("DPM++ SDE Karras", SOLVERS.dpm2sSde, SPACINGS.karras),
  scheduler("DPM++ Uniform", SOLVERS.dpm2s, SPACINGS.uniform, NOTES.uniform),
  scheduler("DPM++ Uniform Beta", SOLVERS.dpm2s, SPACINGS.uniformBeta, NOTES.uniform),
  scheduler("DPM++ Uniform Exponential", SOLVERS.dpm2s, SPACINGS.uniformExponential, NOTES.uniform),
  scheduler("DPM++ Uniform Karras", SOLVERS.dpm2s, SPACINGS.uniformKarras, NOTES.uniform),
  scheduler("DPMSolverMultistepInverse", SOLVERS.dpm2m, SPACINGS.model, NOTES.inverse),
  scheduler("DPMSolverMultistepScheduler", SOLVERS.dpm2m, SPACINGS.model),
  scheduler("DPMSolverSinglestepScheduler", SOLVERS.dpm2s, SPACINGS.model, NOTES.singlestep),
  scheduler("EDMDPMSolverMultistepScheduler", SOLVERS.dpm2m, SPACINGS.karras, NOTES.edm),
  scheduler("EDMEulerScheduler", SOLVERS.euler, SPACINGS.karras, NOTES.edm),
  scheduler("Euler", SOLVERS.euler, SPACINGS.model),
  scheduler("Euler a", SOLVERS.eulerAncestral, SPACINGS.model),
  scheduler("Euler Beta", SOLVERS.euler, SPACINGS.beta),
  scheduler("Euler Exponential", SOLVERS.euler, SPACINGS.exponential),
  scheduler("Euler Karras", SOLVERS.euler, SPACINGS.karras),
  scheduler("EulerAncestralDiscreteScheduler", SOLVERS.eulerAncestral, SPACINGS.model),
  scheduler("EulerDiscreteScheduler", SOLVERS.euler, SPACINGS.model),
  scheduler("FlowMatchEulerDiscreteScheduler", SOLVERS.euler, SPACINGS.model),
  scheduler("Heun", SOLVERS.heun, SPACINGS.model),
  scheduler("HeunDiscreteScheduler", SOLVERS.heun, SPACINGS.model),
  scheduler("Heun Karras", SOLVERS.heun, SPACINGS.karras),
  scheduler("IPNDMScheduler", SOLVERS.ipndm, SPACINGS.model),
  scheduler("IPNDM Uniform", SOLVERS.ipndm, SPACINGS.uniform, NOTES.uniform),
  scheduler("IPNDM Uniform Beta", SOLVERS.ipndm, SPACINGS.uniformBeta, NOTES.uniform),
  scheduler("IPNDM Uniform Exponential", SOLVERS.ipndm, SPACINGS.uniformExponential, NOTES.uniform),
  scheduler("IPNDM Uniform Karras", SOLVERS.ipndm, SPACINGS.uniformKarras, NOTES.uniform),
  scheduler("KDPM2AncestralDiscreteScheduler", SOLVERS.dpm2Ancestral, SPACINGS.model),
  scheduler("KDPM2DiscreteScheduler", SOLVERS.dpm2, SPACINGS.model),
  scheduler("LCM", SOLVERS.lcm, SPACINGS.model, NOTES.distilled),
  scheduler("LCMScheduler", SOLVERS.lcm, SPACINGS.model, NOTES.distilled),
  scheduler("LMS", SOLVERS.lms, SPACINGS.model),
  scheduler("LMSDiscreteScheduler", SOLVERS.lms, SPACINGS.model),
  scheduler("LMS Karras", SOLVERS.lms, SPACINGS.karras),
  scheduler("PNDMScheduler", SOLVERS.plms, SPACINGS.uniform, NOTES.pndm),
  scheduler("TCDScheduler", SOLVERS.tcd, SPACINGS.model, NOTES.distilled),
  scheduler("UniPC", SOLVERS.unipc2, SPACINGS.model),
  scheduler("UniPC 2M", SOLVERS.unipc2, SPACINGS.model),
  scheduler("UniPC 2M Karras", SOLVERS.unipc2, SPACINGS.karras),
  scheduler("UniPC 2M Uniform", SOLVERS.unipc2, SPACINGS.uniform, NOTES.uniform),
  scheduler("UniPC 3M", SOLVERS.unipc3, SPACINGS.model),
  scheduler("UniPC 3M Karras", SOLVERS.unipc3, SPACINGS.karras),
  scheduler("UniPC 3M Uniform", SOLVERS.unipc3, SPACINGS.uniform, NOTES.uniform),
  scheduler("UniPC Karras", SOLVERS.unipc2, SPACINGS.karras),
  scheduler("UniPC Uniform", SOLVERS.unipc2, SPACINGS.uniform, NOTES.uniform),
  scheduler("UniPC Uniform Beta", SOLVERS.unipc2, SPACINGS.uniformBeta, NOTES.uniform),
  scheduler("UniPC Uniform Exponential", SOLVERS.unipc2, SPACINGS.uniformExponential, NOTES.uniform),
  scheduler("UniPC Uniform Karras", SOLVERS.unipc2, SPACINGS.uniformKarras, NOTES.uniform),
];

/** Other common spellings, and the name that each means. */
export const ALIASES: Readonly<Record<string, string>> = {
  "Euler DiscreteScheduler": "EulerDiscreteScheduler",
  UniPCMultistepScheduler: "UniPC",
};

const SUGGESTIONS = 3;

const byName = new Map(SCHEDULERS.map((scheduler) => [scheduler.name.toLowerCase(), scheduler]));
for (const [alias, name] of Object.entries(ALIASES)) {
  byName.set(alias.toLowerCase(), byName.get(name.toLowerCase())!);
}

/**
 * Finds a scheduler.
 * @param name from the table, or an alias, in any letter case
 * @throws ParameterError naming the most similar names
 */
export function resolveScheduler(name: string): Scheduler {
  const wanted = name.trim().toLowerCase();
  const found = byName.get(wanted);
  if (found) return found;
  const nearest = SCHEDULERS.map((scheduler) => scheduler.name)
    .map((known) => ({ known, far: distance(wanted, known.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, SUGGESTIONS)
    .map(({ known }) => `"${known}"`);
  throw new ParameterError(
    "scheduler",
    `scheduler is "${name}"; the most similar of ${SCHEDULERS.length} names are ${nearest.join(", ")}`,
  );
}
