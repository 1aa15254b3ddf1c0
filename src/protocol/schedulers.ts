/** The scheduler names of the API, and which of them an engine solver stands behind today. */

/** The 75 values of the `scheduler` parameter, as the API page spells them. */
export const SCHEDULERS = [
  "DDIM",
  "DDIMScheduler",
  "DDPMScheduler",
  "DEISMultistepScheduler",
  "Default",
  "DPM++",
  "DPM++ 2M",
  "DPM++ 2M Beta",
  "DPM++ 2M Exponential",
  "DPM++ 2M Karras",
  "DPM++ 2M SDE",
  "DPM++ 2M SDE Beta",
  "DPM++ 2M SDE Exponential",
  "DPM++ 2M SDE Karras",
  "DPM++ 2M SDE Uniform",
  "DPM++ 2M Uniform",
  "DPM++ 3M",
  "DPM++ 3M Beta",
  "DPM++ 3M Exponential",
  "DPM++ 3M Karras",
  "DPM++ 3M SDE Uniform",
  "DPM++ 3M Uniform",
  "DPM++ Beta",
  "DPM++ Exponential",
  "DPM++ Karras",
  "DPM++ SDE",
  "DPM++ SDE Beta",
  "DPM++ SDE Exponential",
  "DPM++ SDE Karras",
  "DPM++ Uniform",
  "DPM++ Uniform Beta",
  "DPM++ Uniform Exponential",
  "DPM++ Uniform Karras",
  "DPMSolverMultistepInverse",
  "DPMSolverMultistepScheduler",
  "DPMSolverSinglestepScheduler",
  "EDMDPMSolverMultistepScheduler",
  "EDMEulerScheduler",
  "Euler",
  "Euler a",
  "Euler Beta",
  "Euler Exponential",
  "Euler Karras",
  "EulerAncestralDiscreteScheduler",
  "EulerDiscreteScheduler",
  "FlowMatchEulerDiscreteScheduler",
  "Heun",
  "HeunDiscreteScheduler",
  "Heun Karras",
  "IPNDMScheduler",
  "IPNDM Uniform",
  "IPNDM Uniform Beta",
  "IPNDM Uniform Exponential",
  "IPNDM Uniform Karras",
  "KDPM2AncestralDiscreteScheduler",
  "KDPM2DiscreteScheduler",
  "LCM",
  "LCMScheduler",
  "LMS",
  "LMSDiscreteScheduler",
  "LMS Karras",
  "PNDMScheduler",
  "TCDScheduler",
  "UniPC",
  "UniPC 2M",
  "UniPC 2M Karras",
  "UniPC 2M Uniform",
  "UniPC 3M",
  "UniPC 3M Karras",
  "UniPC 3M Uniform",
  "UniPC Karras",
  "UniPC Uniform",
  "UniPC Uniform Beta",
  "UniPC Uniform Exponential",
  "UniPC Uniform Karras",
] as const;

export type SchedulerName = (typeof SCHEDULERS)[number];

/** Spellings seen in the wild that mean one of the 75. */
export const SCHEDULER_ALIASES: Readonly<Record<string, SchedulerName>> = {
  "Euler DiscreteScheduler": "EulerDiscreteScheduler",
  UniPCMultistepScheduler: "UniPC",
};

/** Names that run on the engine's flow-matching Euler solver with the model's own noise levels. */
export const EULER_SCHEDULERS: readonly SchedulerName[] = [
  "Default",
  "Euler",
  "EulerDiscreteScheduler",
  "FlowMatchEulerDiscreteScheduler",
];

const byLowerCase = new Map<string, SchedulerName>([
  ...SCHEDULERS.map((name) => [name.toLowerCase(), name] as const),
  ...Object.entries(SCHEDULER_ALIASES).map(([alias, name]) => [alias.toLowerCase(), name] as const),
]);

/** The canonical spelling of a scheduler name or alias given in any letter case, or `undefined`. */
export const findScheduler = (name: string): SchedulerName | undefined => byLowerCase.get(name.trim().toLowerCase());
