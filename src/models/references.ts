import { CheckpointError, readMember } from "../engine/index.ts";
import type { ReferenceCount } from "../protocol/index.ts";

const NONE: ReferenceCount = { min: 0, max: 0 };

/**
 * Number of reference images that a checkpoint accepts, by its member of the family.
 * @param folder in diffusers layout. A damaged one accepts none; the error appears when a task uses it
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
