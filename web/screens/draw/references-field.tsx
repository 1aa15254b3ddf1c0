import { PictureNumbers } from "../../parts/picture-numbers.tsx";
import { draft, setParameter } from "../../state/draft.ts";
import { schemaAt } from "../../state/schema.ts";

/** The reference images of the draft. */
export function ReferencesField() {
  return (
    <PictureNumbers
      references={draft.value.inputs?.referenceImages ?? []}
      most={schemaAt("inputs", "referenceImages")?.maxItems ?? 0}
      onChange={(next) => setParameter(["inputs", "referenceImages"], next.length === 0 ? undefined : next)}
    />
  );
}
