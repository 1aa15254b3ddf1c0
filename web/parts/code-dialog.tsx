import { Check, Copy } from "lucide";
import { useState } from "preact/hooks";
import { parseJson, stringifyJson } from "../api/json.ts";
import { ApiError, request } from "../api/server.ts";
import type { Parameters } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { copyText } from "../copy.ts";
import { CODE_FORMS, codeFor } from "../state/code-forms.ts";
import { hasKey } from "../state/connection.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Segments } from "./segments.tsx";

type Form = (typeof CODE_FORMS)[number] | "request";

/** The task as code in several languages, and as a request that the user can change and send. */
export function CodeDialog({ parameters, onClose }: { readonly parameters: Parameters; readonly onClose: () => void }) {
  const [form, setForm] = useState<Form>("curl");
  const t = words.value;
  return (
    <Dialog title={t.code} onClose={onClose} wide>
      <Segments
        label={t.code}
        options={[...CODE_FORMS, "request" as const].map((value) => ({ value, text: t.codeForms[value] }))}
        chosen={(value) => value === form}
        onChoose={setForm}
      />
      {form === "request" ? (
        <RawRequest parameters={parameters} />
      ) : (
        <Listing text={codeFor(form, parameters, location.origin, hasKey())} />
      )}
      <p class="soft">
        <a href="/docs" target="_blank" rel="noreferrer">
          {t.apiReference}
        </a>{" "}
        ·{" "}
        <a href="/openapi.json" target="_blank" rel="noreferrer">
          openapi.json
        </a>
      </p>
    </Dialog>
  );
}

function Listing({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="listing">
      <textarea class="code" readOnly rows={lines(text)} value={text} aria-label={words.value.code} />
      <Button icon={copied ? Check : Copy} onPress={copy}>
        {copied ? words.value.copied : words.value.copy}
      </Button>
    </div>
  );
}

function RawRequest({ parameters }: { readonly parameters: Parameters }) {
  const t = words.value;
  const [text, setText] = useState(() =>
    stringifyJson([{ taskType: "imageInference", taskUUID: randomUuid(), ...parameters }], 2),
  );
  const [reply, setReply] = useState<string>();
  const send = async () => {
    setReply(t.sending);
    try {
      parseJson(text);
      setReply(stringifyJson(await request("POST", "/v1", text), 2));
    } catch (thrown) {
      setReply(thrown instanceof ApiError ? stringifyJson({ errors: [thrown.item] }, 2) : String(thrown));
    }
  };
  return (
    <div class="raw-request">
      <label class="hidden" for="raw-request">
        {t.codeForms.request}
      </label>
      <textarea
        id="raw-request"
        class="code"
        rows={16}
        spellcheck={false}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <div class="row">
        <Button onPress={() => void send()}>{t.send}</Button>
        <code class="soft">POST /v1</code>
      </div>
      {reply !== undefined && <textarea class="code" readOnly rows={lines(reply)} value={reply} aria-label={t.reply} />}
    </div>
  );
}

/** Lines that are visible without scrolling. */
const lines = (text: string): number => Math.min(22, text.split("\n").length + 1);
