import { useEffect, useRef } from "preact/hooks";
import { isComposing } from "../../keys.ts";
import { spansOf } from "../../prompt/lettering.ts";
import { draft, promptHistory, setParameter } from "../../state/draft.ts";
import { draw, refusal } from "../../state/drawing.ts";
import { words } from "../../text/index.ts";

/** The prompt, with the words for the lettering marked. It grows with its text. */
export function PromptField() {
  const area = useRef<HTMLTextAreaElement>(null);
  const position = useRef(-1);
  const prompt = draft.value.positivePrompt ?? "";
  const change = (text: string) => setParameter(["positivePrompt"], text === "" ? undefined : text);

  useEffect(() => {
    const { style } = area.current!;
    style.height = "auto";
    style.height = `${area.current!.scrollHeight}px`;
  }, [prompt]);

  const recall = (step: number) => {
    position.current = Math.max(-1, Math.min(promptHistory.value.length - 1, position.current + step));
    const earlier = promptHistory.value[position.current];
    if (earlier !== undefined) change(earlier);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void draw();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      recall(event.key === "ArrowUp" ? 1 : -1);
    } else position.current = -1;
  };
  const faulty = refusal.value?.error.parameter === "positivePrompt";
  return (
    <div class="prompt">
      <label for="prompt" class="hidden">
        {words.value.prompt}
      </label>
      <div class="prompt-mirror" aria-hidden="true">
        {spansOf(prompt).map(({ text, lettering }, i) => (lettering ? <mark key={i}>{text}</mark> : text))}
        {"\u200b"}
      </div>
      <textarea
        id="prompt"
        ref={area}
        value={prompt}
        rows={3}
        spellcheck={false}
        placeholder={words.value.promptPlaceholder}
        onInput={(event) => change(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        aria-invalid={faulty}
      />
    </div>
  );
}
