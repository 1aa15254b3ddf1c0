import { RotateCcw } from "lucide";
import { Button } from "../../parts/button.tsx";
import { drawAll } from "../../state/drawing.ts";
import { headlineOf } from "../../state/fault.ts";
import type { Work } from "../../state/work.ts";
import { words } from "../../text/index.ts";

/** A task that ended without an image: the reason, and what the user can do. */
export function Ending({ work }: { readonly work: Work }) {
  const t = words.value;
  const { state, error } = work;
  if (state === "succeeded") return null;
  const headline = state === "cancelled" ? t.stopped : (headlineOf(error?.code ?? "") ?? t.failed);
  return (
    <div class="empty">
      <p class="display">{headline}</p>
      {state === "failed" && error !== undefined && <p class="soft">{error.message}</p>}
      <Button icon={RotateCcw} onPress={() => void drawAll([work.parameters])}>
        {t.drawAgain}
      </Button>
    </div>
  );
}
