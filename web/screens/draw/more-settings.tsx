import { ChevronRight, SlidersHorizontal } from "lucide";
import { useState } from "preact/hooks";
import { ParameterDrawer } from "../../parameters/parameter-drawer.tsx";
import { Button } from "../../parts/button.tsx";
import { ChoiceField, Field, NumberField } from "../../parts/field.tsx";
import { Icon } from "../../parts/icon.tsx";
import { draft, setParameter } from "../../state/draft.ts";
import { faultOf } from "../../state/fault.ts";
import { controlNets, loras } from "../../state/models.ts";
import { schemaAt } from "../../state/schema.ts";
import { stored } from "../../state/stored.ts";
import { words } from "../../text/index.ts";
import { GuideField } from "./guide-field.tsx";
import { LoraField } from "./lora-field.tsx";

const open = stored("more", false);

/** Settings that most images do not need: negative prompt, steps, guidance, scheduler, styles, a guide, and the drawer of everything. */
export function MoreSettings() {
  const [drawer, setDrawer] = useState(false);
  const t = words.value;
  return (
    <div class={`more${open.value ? " open" : ""}`}>
      <button type="button" class="disclosure" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        <Icon of={ChevronRight} size={16} />
        {t.more}
      </button>
      {open.value && (
        <div class="more-body">
          <Field label={t.negativePrompt} fault={faultOf("negativePrompt")}>
            {(id) => (
              <textarea
                id={id}
                rows={2}
                value={draft.value.negativePrompt ?? ""}
                placeholder={t.negativePlaceholder}
                onInput={({ currentTarget: { value } }) =>
                  setParameter(["negativePrompt"], value === "" ? undefined : value)
                }
              />
            )}
          </Field>
          <Ranged path="steps" label={t.steps} />
          <Ranged path="CFGScale" label={t.guidance} step={0.1} />
          <ChoiceField
            label={t.scheduler}
            value={draft.value.scheduler ?? "Default"}
            options={(schemaAt("scheduler")?.enum ?? ["Default"]).map((name) => [
              name,
              name === "Default" ? t.schedulerDefault : name,
            ])}
            onChange={(value) => setParameter(["scheduler"], value === "Default" ? undefined : value)}
          />
          {loras.value.length > 0 && <LoraField />}
          {schemaAt("controlNet") !== undefined && controlNets.value.length > 0 && <GuideField />}
          <Button icon={SlidersHorizontal} onPress={() => setDrawer(true)}>
            {t.allParameters}
          </Button>
        </div>
      )}
      {drawer && <ParameterDrawer onClose={() => setDrawer(false)} />}
    </div>
  );
}

/** A number with the API's range. */
function Ranged({
  path,
  label,
  step,
}: {
  readonly path: "steps" | "CFGScale";
  readonly label: string;
  readonly step?: number;
}) {
  const schema = schemaAt(path);
  return (
    <NumberField
      label={label}
      value={draft.value[path]}
      onChange={(value) => setParameter([path], value)}
      min={schema?.minimum}
      max={schema?.maximum}
      step={step ?? schema?.multipleOf}
      placeholder={schema?.default === undefined ? undefined : String(schema.default)}
      fault={faultOf(path)}
      slider
    />
  );
}
