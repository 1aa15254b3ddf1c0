import { draft, setParameter } from "../../state/draft.ts";
import { draw } from "../../state/drawing.ts";
import { recent } from "../../state/pictures.ts";
import { works } from "../../state/work.ts";
import { words } from "../../text/index.ts";

/** For the first image: one press fills in the prompt and starts. */
export function Examples() {
  const isFirstTime = recent.items.value.length === 0 && works.value.length === 0;
  if (!isFirstTime || (draft.value.positivePrompt ?? "") !== "") return null;
  const choose = (prompt: string) => {
    setParameter(["positivePrompt"], prompt);
    void draw();
  };
  return (
    <div class="examples">
      <p class="soft">{words.value.tryOne}</p>
      {words.value.examples.map((prompt) => (
        <button key={prompt} type="button" class="example" onClick={() => choose(prompt)}>
          {prompt}
        </button>
      ))}
    </div>
  );
}
