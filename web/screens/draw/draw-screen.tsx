import { useEffect } from "preact/hooks";
import { onKeys } from "../../keys.ts";
import { draft, redo, undo } from "../../state/draft.ts";
import { draw } from "../../state/drawing.ts";
import { canEdit } from "../../state/models.ts";
import { lookedWorks } from "../../state/stage.ts";
import { isUnfinished, stop } from "../../state/work.ts";
import { words } from "../../text/index.ts";
import { DrawButton } from "./draw-button.tsx";
import { Examples } from "./examples.tsx";
import { FilmStrip } from "./film-strip.tsx";
import { MoreSettings } from "./more-settings.tsx";
import { PromptField } from "./prompt-field.tsx";
import { ReferencesField } from "./references-field.tsx";
import { CountField, SeedField, ShapeField } from "./settings-panel.tsx";
import { Stage } from "./stage.tsx";
import { StartingPicture } from "./starting-picture.tsx";

/** The prompt on the left, the image on the right. */
export function DrawScreen() {
  useEffect(() => {
    const endTyping = onKeys(
      {
        "Ctrl+Enter": () => void draw(),
        "Ctrl+.": () => {
          for (const work of lookedWorks.value.filter(isUnfinished)) void stop(work.taskUUID);
        },
      },
      { typing: true },
    );
    const end = onKeys({
      "/": () => document.querySelector<HTMLTextAreaElement>("#prompt")?.focus(),
      "Ctrl+z": undo,
      "Shift+Ctrl+z": redo,
    });
    return () => {
      endTyping();
      end();
    };
  }, []);
  const { inputs = {} } = draft.value;
  return (
    <main class="draw-screen">
      <h1 class="hidden">{words.value.screens.draw}</h1>
      <section class="desk" aria-label={words.value.prompt}>
        <div class="desk-body">
          <PromptField />
          {(canEdit.value || inputs.referenceImages !== undefined) && <ReferencesField />}
          {(!canEdit.value || inputs.seedImage !== undefined) && <StartingPicture />}
          <Examples />
          <ShapeField />
          <CountField />
          <SeedField />
          <MoreSettings />
        </div>
        <DrawButton />
      </section>
      <section class="stage-side">
        <Stage />
        <FilmStrip />
      </section>
    </main>
  );
}
