import type { GuideFilter, RgbImage } from "../../pictures/index.ts";
import { createLazyProcess, programBeside } from "../lazy-process/index.ts";

/** What the child is asked. */
export interface GuideRequest {
  readonly picture: RgbImage;
  readonly filter: GuideFilter;
}

/** Makes guide images in a process of its own, so that a large one holds nobody up; it starts when needed and ends when idle. */
export interface GuideMaker {
  /**
   * @throws ProcessLost when the process ended first; the call may be repeated
   * @throws the reason of `signal`
   */
  make(request: GuideRequest, signal?: AbortSignal): Promise<RgbImage>;
  stop(): Promise<void>;
}

/** @param idleMs milliseconds without a call after which the process is ended */
export function createGuideMaker(idleMs: number): GuideMaker {
  const child = createLazyProcess<GuideRequest, RgbImage>(programBeside(import.meta.url, "guide-child"), { idleMs });
  return {
    make: ({ picture: { width, height, pixels }, filter }, signal) =>
      child.call({ picture: { width, height, pixels }, filter }, signal),
    stop: () => child.stop(),
  };
}
