import { Dialog } from "../parts/dialog.tsx";
import { words } from "../text/index.ts";

/** All keyboard shortcuts of the page. */
export function ShortcutList({ onClose }: { readonly onClose: () => void }) {
  const { shortcuts, shortcutList } = words.value;
  return (
    <Dialog title={shortcuts} onClose={onClose}>
      <dl class="shortcuts">
        {shortcutList.map(([keys, about]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{about}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
