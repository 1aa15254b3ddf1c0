import { Brush, ImagePlus, X } from "lucide";
import { useState } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { NumberField } from "../../parts/field.tsx";
import { PictureInput } from "../../parts/picture-input.tsx";
import { startFrom } from "../../state/again.ts";
import { draft, patchDraft, setParameter } from "../../state/draft.ts";
import { faultOf } from "../../state/fault.ts";
import { go } from "../../state/route.ts";
import { words } from "../../text/index.ts";

const STRENGTH = 0.8;

/** The seed image, if one is set. Always visible, so that the page sends nothing hidden. */
export function StartingPicture() {
  const [choosing, setChoosing] = useState(false);
  const t = words.value;
  const { seedImage, maskImage, strength } = draft.value.inputs ?? {};
  if (seedImage === undefined) {
    return (
      <div class="starting-none">
        <Button kind="quiet" icon={ImagePlus} onPress={() => setChoosing(true)}>
          {t.startFromPicture}
        </Button>
        {choosing && (
          <PictureInput
            onPicture={({ imageUUID }) => {
              startFrom(imageUUID);
              setChoosing(false);
            }}
            onClose={() => setChoosing(false)}
          />
        )}
      </div>
    );
  }
  const forget = () => {
    const { inputs: _, maskMargin: __, outpaint: ___, ...rest } = draft.value;
    patchDraft({ ...rest, inputs: undefined, maskMargin: undefined, outpaint: undefined } as never);
  };
  return (
    <div class="starting-picture">
      <div class="starting-images">
        <img src={`/images/${seedImage}.webp?side=160`} alt={t.startingPicture} />
        {maskImage !== undefined && <img src={`/images/${maskImage}.webp?side=160`} alt={t.maskSentence} />}
      </div>
      <div class="starting-body">
        <div class="field-head">
          <span>{t.startingPicture}</span>
          <span class="row tight">
            <Button kind="quiet" icon={Brush} label={t.edit} onPress={() => go("edit", seedImage)} />
            <Button kind="quiet" icon={X} label={t.remove} onPress={forget} />
          </span>
        </div>
        <NumberField
          label={t.strength}
          value={strength ?? STRENGTH}
          min={0.05}
          max={1}
          step={0.05}
          onChange={(value) => setParameter(["inputs", "strength"], value)}
          fault={faultOf("inputs.seedImage") ?? faultOf("inputs.strength")}
          slider
        />
      </div>
    </div>
  );
}
