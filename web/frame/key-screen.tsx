import { useState } from "preact/hooks";
import { access, giveKey } from "../state/connection.ts";
import { words } from "../text/index.ts";

/** Requests the key, or explains that this server accepts only its own machine. */
export function KeyScreen() {
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(false);
  const t = words.value;
  const { value } = access;
  if (value.kind === "elsewhere") {
    return (
      <main class="key-screen">
        <h1 class="wordmark">inkstone</h1>
        <p>{t.onlyThisMachine}</p>
        <pre>inkstone keys create phone</pre>
      </main>
    );
  }
  const wrong = value.kind === "key" && value.wrong;
  return (
    <main class="key-screen">
      <h1 class="wordmark">inkstone</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() !== "") void giveKey(key.trim(), remember);
        }}
      >
        <label for="key">{t.keyNeeded}</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          value={key}
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
          aria-invalid={wrong}
          aria-describedby={wrong ? "key-fault" : undefined}
        />
        {wrong && (
          <p class="fault" id="key-fault" role="alert">
            {t.keyWrong}
          </p>
        )}
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={({ currentTarget }) => setRemember(currentTarget.checked)}
          />
          {t.rememberKey}
        </label>
        <button type="submit" class="button primary">
          {t.open}
        </button>
      </form>
      <p class="soft">{t.keyHint}</p>
    </main>
  );
}
