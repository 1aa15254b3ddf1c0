import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { draft } from "../state/draft.ts";
import { resolved, type Schema, taskSchema } from "../state/schema.ts";
import { words } from "../text/index.ts";
import { ParameterField } from "./parameter-field.tsx";

/** Parameters that the page sets. */
const OWN = new Set(["taskType", "taskUUID", "model", "deliveryMethod", "outputType", "ttl"]);

/** Every parameter of the task, from the description of the API. A new parameter appears without a change here. */
export function ParameterDrawer({ onClose }: { readonly onClose: () => void }) {
  const [search, setSearch] = useState("");
  const t = words.value;
  const schema = taskSchema.value;
  const wanted = search.trim().toLowerCase();
  const entries = Object.entries(schema?.properties ?? {}).filter(
    ([name, about]) => !OWN.has(name) && (wanted === "" || mentions(name, about, wanted)),
  );
  return (
    <Dialog title={t.allParameters} onClose={onClose}>
      <input
        type="search"
        class="drawer-search"
        value={search}
        placeholder={t.searchParameters}
        aria-label={t.searchParameters}
        onInput={({ currentTarget }) => setSearch(currentTarget.value)}
      />
      <div class="drawer">
        {entries.map(([name, about], i) => {
          const group = about["x-group"];
          const begins = group !== undefined && group !== entries[i - 1]?.[1]["x-group"];
          return (
            <Fragment key={name}>
              {begins && <h3 class="drawer-group">{t.groups[group] ?? group}</h3>}
              <ParameterField path={[name]} schema={about} values={draft.value} />
            </Fragment>
          );
        })}
        {entries.length === 0 && <p class="soft">{t.nothingFound}</p>}
      </div>
    </Dialog>
  );
}

/** True when a parameter, or one inside it, matches a word. */
function mentions(name: string, schema: Schema, word: string): boolean {
  const { description = "", properties = {}, items } = resolved(schema);
  if (`${name} ${description}`.toLowerCase().includes(word)) return true;
  const inner = { ...properties, ...(items && resolved(items).properties) };
  return Object.entries(inner).some(([key, value]) => mentions(key, value, word));
}
