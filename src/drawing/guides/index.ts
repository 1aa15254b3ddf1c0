/** Guide images for ControlNets, made of pictures. */

export { guideFromTask } from "./from-task.ts";
export { createGuideMaker, type GuideMaker } from "./guide-maker.ts";
