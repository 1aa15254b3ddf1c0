import { useState } from "preact/hooks";
import { ApiError, runTask } from "../../api/server.ts";
import type { ErrorItem } from "../../api/types.ts";
import { randomUuid } from "../../api/uuid.ts";
import { ChoiceField, Field } from "../../parts/field.tsx";
import { loadModels } from "../../state/models.ts";
import { words } from "../../text/index.ts";

interface Stage {
  readonly status: string;
  readonly stage?: string;
  readonly progress?: number;
}

const POLL_MS = 1000;

/** Adds a checkpoint of the hub, a LoRA or a ControlNet by its address, and shows the progress. */
export function FetchModel() {
  const [category, setCategory] = useState("checkpoint");
  const [downloadURL, setAddress] = useState("");
  const [name, setName] = useState("");
  const [stage, setStage] = useState<Stage>();
  const [error, setError] = useState<ErrorItem>();
  const t = words.value;
  const isCheckpoint = category === "checkpoint";
  const faultOf = (parameter: string) => (error?.parameter === parameter ? error.message : undefined);

  const fetchModel = async () => {
    setError(undefined);
    const taskUUID = randomUuid();
    const id =
      name
        .toLowerCase()
        .replaceAll(/[^a-z0-9.-]+/g, "-")
        .replaceAll(/^-|-$/g, "") || taskUUID.slice(0, 8);
    const task = {
      taskType: "modelUpload",
      taskUUID,
      deliveryMethod: "async",
      category,
      air: `local:${id}@1`,
      downloadURL,
      name,
    };
    try {
      setStage({ status: "processing" });
      await runTask(task);
      for (;;) {
        const now = await runTask<Stage>({ taskType: "getResponse", taskUUID });
        setStage(now);
        if (now.status === "success") break;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      await loadModels();
    } catch (thrown) {
      setStage(undefined);
      if (thrown instanceof ApiError) setError(thrown.item);
    }
  };
  return (
    <section>
      <h2>{t.addModel}</h2>
      <form
        class="fetch-model"
        onSubmit={(event) => {
          event.preventDefault();
          void fetchModel();
        }}
      >
        <ChoiceField
          label={t.kind}
          value={category}
          onChange={setCategory}
          options={[
            ["checkpoint", t.category.checkpoint],
            ["lora", t.category.lora],
            ["controlnet", t.category.controlnet],
          ]}
        />
        <Field label={t.name} fault={faultOf("name")}>
          {(id) => (
            <input id={id} required value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
          )}
        </Field>
        <Field label={t.address} fault={faultOf("downloadURL")}>
          {(id) => (
            <input
              id={id}
              type="url"
              required
              placeholder={isCheckpoint ? "https://huggingface.co/Qwen/Qwen-Image" : "https://…/style.safetensors"}
              value={downloadURL}
              onInput={({ currentTarget }) => setAddress(currentTarget.value)}
            />
          )}
        </Field>
        <div class="row">
          <button type="submit" class="button" disabled={stage !== undefined && stage.status !== "success"}>
            {t.fetch}
          </button>
          {stage !== undefined && (
            <span role="status">
              {t.stages[(stage.stage ?? stage.status) as keyof typeof t.stages] ?? stage.status}
              {stage.progress !== undefined && stage.progress > 0 && ` ${stage.progress} %`}
            </span>
          )}
        </div>
        {error !== undefined && typeof error.parameter !== "string" && <p class="fault">{error.message}</p>}
      </form>
      <p class="soft">{isCheckpoint ? t.checkpointAbout : t.addModelAbout}</p>
      <h3>{t.onTheServer}</h3>
      <p class="soft">{t.onTheServerAbout}</p>
      <pre class="command">inkstone models add ~/Qwen-Image</pre>
    </section>
  );
}
