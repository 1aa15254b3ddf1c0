import { ImagePlus, X } from "lucide";
import { useState } from "preact/hooks";
import { faultOf } from "../state/fault.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";
import { PictureInput } from "./picture-input.tsx";

interface PictureNumbersProps {
  readonly references: readonly string[];
  readonly most: number;
  readonly onChange: (references: readonly string[]) => void;
  /** True: the first one cannot be removed, because it is being edited. */
  readonly firstStays?: boolean;
}

/** Reference images with the numbers that a prompt may use. For models that edit. */
export function PictureNumbers({ references, most, onChange: set, firstStays = false }: PictureNumbersProps) {
  const [choosing, setChoosing] = useState(false);
  const t = words.value;
  const fault = faultOf("inputs.referenceImages");
  return (
    <fieldset class="references">
      <legend>{t.references}</legend>
      <ol>
        {references.map((reference, i) => (
          <li key={reference}>
            <img src={`/images/${reference}.webp?side=160`} alt={t.pictureNumber(i + 1)} />
            <span class="reference-number numbers" aria-hidden="true">
              {i + 1}
            </span>
            {!(firstStays && i === 0) && (
              <Button
                kind="quiet"
                icon={X}
                label={`${t.remove}: ${t.pictureNumber(i + 1)}`}
                onPress={() => set(references.filter((_, at) => at !== i))}
              />
            )}
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
            set([...references.filter((one) => one !== imageUUID), imageUUID]);
            setChoosing(false);
          }}
          onClose={() => setChoosing(false)}
        />
      )}
    </fieldset>
  );
}
