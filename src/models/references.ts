import { CheckpointError, readMember } from "../engine/index.ts";
import type { ReferenceCount } from "../protocol/index.ts";

const NONE: ReferenceCount = { min: 0, max: 0 };

/**
 * How many reference images a checkpoint takes, by its member of the family.
 * @param folder in diffusers layout; one that is damaged takes none: drawing with it says what is wrong
 */
export async function referenceCount(folder: string): Promise<ReferenceCount> {
  try {
    const { references } = await readMember(folder);
    return references ? { min: 1, max: references.most } : NONE;
  } catch (error) {
    if (error instanceof CheckpointError) return NONE;
    throw error;
  }
}
