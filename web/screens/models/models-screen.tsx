import "./models.css";
import { useEffect } from "preact/hooks";
import type { Model } from "../../api/types.ts";
import { readStatus, status } from "../../state/connection.ts";
import { checkpoints, chooseModel, controlNets, loras, model } from "../../state/models.ts";
import { formatBytes } from "../../state/preferences.ts";
import { go } from "../../state/route.ts";
import { words } from "../../text/index.ts";
import { FetchModel } from "./fetch-model.tsx";

/** Milliseconds between two requests for the model in memory. */
const STATE_MS = 3000;

/** The installed models, and how to add more. */
export function ModelsScreen() {
  const t = words.value;
  useEffect(() => {
    void readStatus();
    const timer = setInterval(() => void readStatus(), STATE_MS);
    return () => clearInterval(timer);
  }, []);
  const groups = [
    [t.categories.checkpoint, checkpoints.value],
    [t.categories.lora, loras.value],
    [t.categories.controlnet, controlNets.value],
  ] as const;
  return (
    <main class="page-screen">
      <div>
        <h1 class="display">{t.screens.models}</h1>
        {status.value?.device !== undefined && <p class="soft">{t.drawnOn(status.value.device)}</p>}
      </div>
      {groups.map(([title, models]) =>
        models.length === 0 ? null : (
          <section key={title}>
            <h2>{title}</h2>
            <ul class="model-list">
              {models.map((one) => (
                <ModelRow key={one.air} model={one} />
              ))}
            </ul>
          </section>
        ),
      )}
      <FetchModel />
    </main>
  );
}

function ModelRow({ model: shown }: { readonly model: Model }) {
  const t = words.value;
  const { air, name, comment, license, bytes, category, positiveTriggerWords } = shown;
  const held = status.value?.model;
  const facts = [air, bytes === undefined ? undefined : formatBytes(bytes), license].filter(Boolean);
  return (
    <li class="model-row">
      <div>
        <strong>{name}</strong>
        {held?.air === air && (
          <span class="model-state" role="status">
            {held.state === "loading" ? t.modelLoading : t.modelReady}
          </span>
        )}
        {comment !== undefined && <p>{comment}</p>}
        <p class="soft">{facts.join(" · ")}</p>
        {positiveTriggerWords !== undefined && (
          <p class="soft">
            {t.trigger}: {positiveTriggerWords}
          </p>
        )}
      </div>
      {category === "checkpoint" &&
        (model.value?.air === air ? (
          <span class="soft">{t.inUse}</span>
        ) : (
          <button
            type="button"
            class="button"
            onClick={() => {
              chooseModel(shown);
              go("draw");
            }}
          >
            {t.useThis}
          </button>
        ))}
    </li>
  );
}
