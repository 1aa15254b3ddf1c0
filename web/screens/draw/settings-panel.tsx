import { ArrowLeftRight, Dices, Lock, LockOpen } from "lucide";
import { useState } from "preact/hooks";
import type { Parameters } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Field, NumberField } from "../../parts/field.tsx";
import { Segments } from "../../parts/segments.tsx";
import { ShapeIcon } from "../../parts/shape-icon.tsx";
import { draft, patchDraft, setParameter } from "../../state/draft.ts";
import { faultOf } from "../../state/fault.ts";
import { canEdit, shapes } from "../../state/models.ts";
import { schemaAt } from "../../state/schema.ts";
import { lookedPicture } from "../../state/stage.ts";
import { words } from "../../text/index.ts";

/** The shape of the image: the model's sizes, swapped, or exact numbers. */
export function ShapeField() {
  const [exact, setExact] = useState(false);
  const { width = 0, height = 0 } = draft.value;
  const t = words.value;
  const size = (name: "width" | "height", label: string) => {
    const { minimum, maximum, multipleOf } = schemaAt(name) ?? {};
    return (
      <NumberField
        label={label}
        value={draft.value[name]}
        onChange={(value) => setParameter([name], value)}
        min={minimum}
        max={maximum}
        step={multipleOf}
        fault={faultOf(name)}
      />
    );
  };
  return (
    <div class="setting shape-setting">
      <div class="field-head">
        <span>{t.shape}</span>
        <span class="row tight">
          <Button
            kind="quiet"
            icon={ArrowLeftRight}
            label={t.swapSides}
            disabled={width === 0}
            onPress={() => patchDraft({ width: height, height: width })}
          />
          <button type="button" class="link numbers" aria-expanded={exact} onClick={() => setExact(!exact)}>
            {width === 0 ? t.likeThePicture : `${width} × ${height}`}
          </button>
        </span>
      </div>
      <Segments
        label={t.shape}
        options={shapes.value.map((shape) => ({
          value: shape,
          text: <ShapeIcon width={shape.width} height={shape.height} />,
          tip: shape.label,
        }))}
        chosen={(shape) => shape.width === width && shape.height === height}
        onChoose={(shape) => patchDraft({ width: shape.width, height: shape.height })}
      />
      {canEdit.value && width !== 0 && (
        <button
          type="button"
          class="link align-start"
          onClick={() => patchDraft({ width: undefined, height: undefined } as Parameters)}
        >
          {t.likeThePicture}
        </button>
      )}
      {exact && (
        <div class="pair">
          {size("width", t.width)}
          {size("height", t.height)}
        </div>
      )}
    </div>
  );
}

const COUNTS = [1, 2, 4, 9, 20];

/** The number of images in one request. */
export function CountField() {
  const count = draft.value.numberResults ?? 1;
  return (
    <div class="setting line">
      <span id="count-label">{words.value.howMany}</span>
      <Segments
        label={words.value.howMany}
        options={COUNTS.map((value) => ({ value, text: String(value) }))}
        chosen={(value) => value === count}
        onChoose={(value) => setParameter(["numberResults"], value === 1 ? undefined : value)}
      />
    </div>
  );
}

/** The seed: open (new each time) or locked to a number. */
export function SeedField() {
  const { seed } = draft.value;
  const t = words.value;
  const change = (text: string) => {
    const digits = text.replaceAll(/\D/g, "").slice(0, 19);
    if (digits === "") return setParameter(["seed"], undefined);
    const value = BigInt(digits);
    setParameter(["seed"], value <= Number.MAX_SAFE_INTEGER ? Number(value) : value);
  };
  const dice = () => setParameter(["seed"], crypto.getRandomValues(new Uint32Array(1))[0]!);
  const lock = () => setParameter(["seed"], seed === undefined ? (lookedPicture.value?.seed ?? 0) : undefined);
  return (
    <div class="setting line">
      <Field label={t.seed} fault={faultOf("seed")}>
        {(id, described) => (
          <div class="seed">
            <input
              id={id}
              inputMode="numeric"
              value={seed === undefined ? "" : String(seed)}
              placeholder={t.randomSeed}
              onInput={(event) => change(event.currentTarget.value)}
              aria-describedby={described}
              autocomplete="off"
            />
            <Button kind="quiet" icon={Dices} label={t.anotherSeed} onPress={dice} />
            <Button
              kind="quiet"
              icon={seed === undefined ? LockOpen : Lock}
              label={seed === undefined ? t.lockSeed : t.unlockSeed}
              pressed={seed !== undefined}
              onPress={lock}
            />
          </div>
        )}
      </Field>
    </div>
  );
}
