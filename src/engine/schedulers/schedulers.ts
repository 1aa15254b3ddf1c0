import { distance } from "fastest-levenshtein";
import { ParameterError } from "../check.ts";
import { SPACINGS, type Spacing } from "./sigmas.ts";
import { SOLVERS, type SolverKind } from "./solvers.ts";

/** What a scheduler's name stands for: a solver and where the noise levels lie. */
export interface Scheduler {
  readonly name: string;
  readonly solver: SolverKind;
  readonly spacing: Spacing;
  /** Why, where the name was made for another kind of model. */
  readonly note?: string;
}

const NOTES = {
  ddim: "With η = 0 its step is Euler's on a flow; what is left of the name is the unshifted spacing.",
  ddpm: "Its posterior for the flow's α = 1 - σ; on the unshifted spacing it was made with.",
  deis: "Its first and last steps are Euler's, so that it goes from pure noise all the way to 0.",
  distilled: "Meant for checkpoints or LoRAs distilled to a few steps; others come out soft.",
  edm: "EDM's own noise range belongs to another process; what is left of the name is the Karras spacing.",
  inverse:
    "The published scheduler goes from image to noise. Here it generates images, like the solver that it inverts.",
  pndm: "On the equal steps that its weights are made for.",
  singlestep: "Pairs of steps, so that a step costs one evaluation as in diffusers, not two as in k-diffusion.",
  uniform: '"Uniform" means no shift with the image size.',
};

const scheduler = (name: string, solver: SolverKind, spacing: Spacing, note?: string): Scheduler => ({
  name,
  solver,
  spacing,
  note,
});

/** Every name the API knows, in its order. */
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

/** Other spellings seen in the wild, and the name each means. */
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
 * @param name one of the table's names or an alias, in any letter case
 * @throws ParameterError naming those that look most like it
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
    `scheduler is "${name}"; nearest of ${SCHEDULERS.length} names: ${nearest.join(", ")}`,
  );
}
