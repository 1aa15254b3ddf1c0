import { X } from "lucide";
import { Button } from "../parts/button.tsx";
import { dismiss, notices, spoken } from "../state/notices.ts";
import { words } from "../text/index.ts";

/** Recent notices at the bottom of the page, and the line for screen readers. */
export function Notices() {
  return (
    <>
      <div class="notices" role="status">
        {notices.value.map(({ id, text, tone, action }) => (
          <div key={id} class={`notice ${tone ?? "quiet"}`}>
            <span>{text}</span>
            {action !== undefined && (
              <button
                type="button"
                class="link"
                onClick={() => {
                  dismiss(id);
                  action.run();
                }}
              >
                {action.label}
              </button>
            )}
            <Button kind="quiet" icon={X} label={words.value.close} onPress={() => dismiss(id)} />
          </div>
        ))}
      </div>
      <div class="hidden" aria-live="polite">
        {spoken.value}
      </div>
    </>
  );
}
