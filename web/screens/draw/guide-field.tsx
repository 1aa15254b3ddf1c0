import { ImagePlus, X } from "lucide";
import { useState } from "preact/hooks";
import { request } from "../../api/server.ts";
import type { Picture } from "../../api/types.ts";
import { randomUuid } from "../../api/uuid.ts";
import { Button } from "../../parts/button.tsx";
import { PictureInput } from "../../parts/picture-input.tsx";
import { draft, setParameter } from "../../state/draft.ts";
import { controlNets } from "../../state/models.ts";
import { words } from "../../text/index.ts";

/** A guide for the composition: an image becomes edges, which the user sees before they are used. */
export function GuideField() {
  const [choosing, setChoosing] = useState(false);
  const [state, setState] = useState<"idle" | "making" | "failed">("idle");
  const [guide] = draft.value.controlNet ?? [];
  const t = words.value;
  const [net] = controlNets.value;

  const make = async (picture: Picture) => {
    setChoosing(false);
    setState("making");
    const task = {
      taskType: "controlNetPreprocess",
      taskUUID: randomUuid(),
      inputImage: picture.imageUUID,
      preProcessorType: net?.conditioning ?? "canny",
      width: draft.value.width,
      height: draft.value.height,
    };
    try {
      const { data } = await request<{ data: { guideImageUUID: string }[] }>("POST", "/v1", [task]);
      setParameter(["controlNet"], [{ model: net!.air, guideImage: data[0]!.guideImageUUID, weight: 1 }]);
      setState("idle");
    } catch {
      setState("failed");
    }
  };
  const weigh = (weight: number) => setParameter(["controlNet"], [{ ...guide!, weight }]);
  return (
    <fieldset class="guide">
      <legend>{t.guide}</legend>
      {guide === undefined ? (
        <Button icon={ImagePlus} onPress={() => setChoosing(true)} disabled={state === "making"}>
          {state === "making" ? t.makingGuide : t.chooseGuide}
        </Button>
      ) : (
        <div class="guide-chosen">
          <img src={`/images/${guide.guideImage}.webp?side=160`} alt={t.guide} />
          <input
            type="range"
            min={0}
            max={2}
            step={0.05}
            value={guide.weight ?? 1}
            aria-label={t.strengthOf(t.guide)}
            onInput={({ currentTarget }) => weigh(currentTarget.valueAsNumber)}
          />
          <output>{(guide.weight ?? 1).toFixed(2)}</output>
          <Button kind="quiet" icon={X} label={t.remove} onPress={() => setParameter(["controlNet"], undefined)} />
        </div>
      )}
      {state === "failed" && <p class="fault">{t.guideFailed}</p>}
      {choosing && <PictureInput onPicture={(picture) => void make(picture)} onClose={() => setChoosing(false)} />}
    </fieldset>
  );
}
