import { useState } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { isPainted } from "../../mask/strokes.ts";
import { ParameterDrawer } from "../../parameters/parameter-drawer.tsx";
import { Field, NumberField } from "../../parts/field.tsx";
import { PictureNumbers } from "../../parts/picture-numbers.tsx";
import { refusal } from "../../state/drawing.ts";
import { type Edit, isExtended, type Sides } from "../../state/edits.ts";
import { canEdit } from "../../state/models.ts";
import { schemaAt } from "../../state/schema.ts";
import { words } from "../../text/index.ts";
import type { Tool } from "./mask-painter.ts";

interface EditPanelProps {
  readonly picture: Picture;
  readonly edit: Edit;
  readonly onChange: (change: Partial<Edit>) => void;
  readonly onRedraw: () => void;
  /** The effect of the button, in words. */
  readonly sentence: string;
  readonly brush: {
    readonly tool: Tool;
    readonly size: number;
    readonly hardness: number;
    readonly onSize: (size: number) => void;
    readonly onHardness: (hardness: number) => void;
  };
}

const SIDES: readonly (keyof Sides)[] = ["top", "right", "bottom", "left"];
const MARGIN = 32;

/** The prompt for the new part, the brush, and how much may change. */
export function EditPanel({ picture, edit, onChange, onRedraw, sentence, brush }: EditPanelProps) {
  const [drawer, setDrawer] = useState(false);
  const t = words.value;
  const extended = isExtended(edit.sides);
  const setSide = (side: keyof Sides) => (value: number | undefined) =>
    onChange({ sides: { ...edit.sides, [side]: Math.max(0, Math.round(value ?? 0)) } });
  const margin = schemaAt("maskMargin");
  return (
    <section class="desk" aria-label={t.edit}>
      <div class="desk-body">
        {canEdit.value && (
          <PictureNumbers
            references={[picture.imageUUID, ...(edit.references ?? [])]}
            most={schemaAt("inputs", "referenceImages")?.maxItems ?? 1}
            onChange={([_, ...references]) => onChange({ references })}
            firstStays
          />
        )}
        <Field label={canEdit.value ? t.instruction : t.editPrompt}>
          {(id) => (
            <textarea
              id={id}
              class="edit-prompt"
              rows={3}
              spellcheck={false}
              value={edit.prompt}
              onInput={({ currentTarget }) => onChange({ prompt: currentTarget.value })}
            />
          )}
        </Field>
        {(brush.tool === "brush" || brush.tool === "eraser") && (
          <>
            <NumberField
              label={t.brushSize}
              value={brush.size}
              min={1}
              max={Math.round(Math.max(picture.width, picture.height) / 2)}
              onChange={(value) => brush.onSize(Math.max(1, value ?? 1))}
              slider
            />
            <NumberField
              label={t.hardness}
              value={brush.hardness}
              min={0}
              max={1}
              step={0.05}
              onChange={(value) => brush.onHardness(Math.max(0, Math.min(1, value ?? 1)))}
              slider
            />
          </>
        )}
        {brush.tool === "extend" && (
          <fieldset>
            <legend>{t.extendBy}</legend>
            <div class="pair">
              {SIDES.map((side) => (
                <NumberField
                  key={side}
                  label={t.sides[side]}
                  value={edit.sides[side]}
                  min={0}
                  max={1024}
                  step={16}
                  onChange={setSide(side)}
                />
              ))}
            </div>
          </fieldset>
        )}
        {!extended && (isPainted(edit.mask) || !canEdit.value) && (
          <NumberField
            label={t.strength}
            about={t.strengthAbout}
            value={edit.strength}
            min={0.05}
            max={1}
            step={0.05}
            onChange={(value) => onChange({ strength: value ?? 0.8 })}
            slider
          />
        )}
        {!extended && isPainted(edit.mask) && (
          <Field label={t.maskMargin} about={t.maskMarginAbout}>
            {(id, described) => (
              <div class="number-field">
                <input
                  type="checkbox"
                  id={id}
                  aria-describedby={described}
                  checked={edit.maskMargin !== undefined}
                  onChange={({ currentTarget }) =>
                    onChange({ maskMargin: currentTarget.checked ? MARGIN : undefined } as Partial<Edit>)
                  }
                />
                {edit.maskMargin !== undefined && (
                  <input
                    type="range"
                    min={margin?.minimum}
                    max={margin?.maximum}
                    value={edit.maskMargin}
                    aria-label={t.maskMargin}
                    onInput={({ currentTarget }) => onChange({ maskMargin: currentTarget.valueAsNumber })}
                  />
                )}
                <output>{edit.maskMargin ?? t.off}</output>
              </div>
            )}
          </Field>
        )}
        <button type="button" class="link align-start" onClick={() => setDrawer(true)}>
          {t.allParameters}
        </button>
      </div>
      <div class="draw-bar">
        <p class="soft">{sentence}</p>
        {refusal.value !== undefined && (
          <p class="refusal" role="alert">
            {refusal.value.error.message}
          </p>
        )}
        <button type="button" class="button primary draw" title="Ctrl+Enter" onClick={onRedraw}>
          {extended ? t.extend : canEdit.value && !isPainted(edit.mask) ? t.change : t.redraw}
        </button>
      </div>
      {drawer && <ParameterDrawer onClose={() => setDrawer(false)} />}
    </section>
  );
}
