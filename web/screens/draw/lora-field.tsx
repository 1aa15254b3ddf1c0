import type { Adapter } from "../../api/types.ts";
import { draft, setParameter } from "../../state/draft.ts";
import { loras } from "../../state/models.ts";
import { words } from "../../text/index.ts";

/** The installed LoRAs, each with its strength. */
export function LoraField() {
  const chosen = draft.value.lora ?? [];
  const set = (next: readonly Adapter[]) => setParameter(["lora"], next.length === 0 ? undefined : (next as never));
  const toggle = (model: string, on: boolean, weight: number) =>
    set(on ? [...chosen, { model, weight }] : chosen.filter((one) => one.model !== model));
  const weigh = (model: string, weight: number) =>
    set(chosen.map((one) => (one.model === model ? { ...one, weight } : one)));
  return (
    <fieldset class="loras">
      <legend>{words.value.styles}</legend>
      {loras.value.map(({ air, name, comment, defaultWeight = 1 }) => {
        const used = chosen.find((one) => one.model === air);
        return (
          <div class="lora" key={air} title={comment}>
            <label class="check">
              <input
                type="checkbox"
                checked={used !== undefined}
                onChange={({ currentTarget }) => toggle(air, currentTarget.checked, defaultWeight)}
              />
              {name}
            </label>
            {used !== undefined && (
              <>
                <input
                  type="range"
                  min={-2}
                  max={2}
                  step={0.05}
                  value={used.weight ?? 1}
                  aria-label={words.value.strengthOf(name)}
                  onInput={({ currentTarget }) => weigh(air, currentTarget.valueAsNumber)}
                />
                <output>{(used.weight ?? 1).toFixed(2)}</output>
              </>
            )}
          </div>
        );
      })}
    </fieldset>
  );
}
