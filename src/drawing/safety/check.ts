import type { RgbImage } from "../../pictures/index.ts";
import { TaskError } from "../../protocol/index.ts";
import { ProcessLost } from "../lazy-process/index.ts";
import type { Findings, Stages } from "../stages.ts";
import { treatment } from "./index.ts";

/**
 * Checks a finished picture and treats it by the operator's policy.
 * @param index of the picture within its task, for the refusal
 * @returns the picture to deliver, grey all over when it is withheld
 * @throws TaskError `nsfwContentDetected` when it is refused
 */
export async function checkPicture<Picture extends RgbImage>(
  picture: Picture,
  { checker, policy, asked }: NonNullable<Stages["safety"]>,
  index: number,
  signal?: AbortSignal,
): Promise<{ picture: Picture; findings: Findings }> {
  const safety = await onceMore(() => checker.check(picture, signal));
  const treated = treatment(safety.flagged, policy);
  if (treated === "refuse") throw new TaskError("nsfwContentDetected", { result: index + 1 });
  const findings = { safety, ...(asked && { NSFWContent: safety.flagged }) };
  return { picture: treated === "withhold" ? { ...picture, pixels: grey(picture) } : picture, findings };
}

/** A lost process is started again once: it may have been ended for its memory. */
export async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error) => {
    if (error instanceof ProcessLost) return work();
    throw error;
  });
}

function grey({ width, height }: RgbImage): Uint8Array {
  return new Uint8Array(width * height * 3).fill(128);
}
