import { ImagePlus, X } from "lucide";
import { useState } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { PictureInput } from "../../parts/picture-input.tsx";
import { draft, setParameter } from "../../state/draft.ts";
import { faultOf } from "../../state/fault.ts";
import { schemaAt } from "../../state/schema.ts";
import { words } from "../../text/index.ts";

/** The pictures that an instruction is about, numbered as the prompt may name them. For models that edit. */
export function ReferencesField() {
  const [choosing, setChoosing] = useState(false);
  const t = words.value;
  const references = draft.value.inputs?.referenceImages ?? [];
  const set = (next: readonly string[]) =>
    setParameter(["inputs", "referenceImages"], next.length === 0 ? undefined : next);
  const most = schemaAt("inputs", "referenceImages")?.maxItems ?? 3;
  const fault = faultOf("inputs.referenceImages");
  return (
    <fieldset class="references">
      <legend>{t.references}</legend>
      <ol>
        {references.map((reference, i) => (
          <li key={reference}>
            <img src={`/images/${reference}.webp?side=160`} alt={`${t.references} ${i + 1}`} />
            <Button
              kind="quiet"
              icon={X}
              label={t.remove}
              onPress={() => set(references.filter((_, at) => at !== i))}
            />
          </li>
        ))}
      </ol>
      {references.length < most && (
        <Button icon={ImagePlus} onPress={() => setChoosing(true)}>
          {t.addReference}
        </Button>
      )}
      {fault !== undefined && <p class="fault">{fault}</p>}
      {choosing && (
        <PictureInput
          onPicture={({ imageUUID }) => {
            set([...references, imageUUID]);
            setChoosing(false);
          }}
          onClose={() => setChoosing(false)}
        />
      )}
    </fieldset>
  );
}
