import type { ModelCardInput } from "../card.ts";
import { distilledSteps, type MemberName } from "./members.ts";

type Known = Pick<ModelCardInput, "defaults" | "price" | "tags" | "license">;

/** What one result costs whatever its size and steps: the vendor names one figure for each editing model. */
const flat = (dollars: number) => ({ unit: dollars, base: 1, perMegapixel: 0, perSquareMegapixel: 0 });

/** What the models' pages and the vendor's price list say of the published members. */
const MEMBERS: Readonly<Record<MemberName, Known>> = {
  // The vendor's defaults and price formula are the card's own.
  base: {},
  "2512": {},
  edit: { defaults: { steps: 50, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0045) },
  "edit-2509": { defaults: { steps: 40, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0141) },
  "edit-2511": { defaults: { steps: 40, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0063) },
};

/**
 * Defaults and price of a published checkpoint; of one distilled to few steps these steps, without guidance.
 * @param file the name of its transformer's file or repository
 */
export function knownCheckpoint(file: string, member: MemberName): Known {
  const card = {
    ...MEMBERS[member],
    tags: ["qwen-image", member.startsWith("edit") ? "image-to-image" : "text-to-image"],
  };
  const steps = distilledSteps(file);
  return steps === undefined ? card : { ...card, defaults: { ...card.defaults, steps, CFGScale: 1 } };
}
