import { Button } from "../parts/button.tsx";
import { readStatus, status } from "../state/connection.ts";
import { emptyBin } from "../state/pictures.ts";
import { words } from "../text/index.ts";

/** Explains why the server does not accept tasks, and what the user can do. It disappears when the server is ready. */
export function NotReadyBar() {
  const t = words.value;
  if (status.value === undefined || status.value.ready) return null;
  const { reason = "", storage } = status.value;
  return (
    <div class="away" role="status">
      <span>{storage.full ? t.diskFull : t.notReady(reason)}</span>
      {storage.full && storage.binned > 0 && (
        <Button onPress={() => void emptyBin().then(readStatus)}>{t.emptyBin(storage.binned)}</Button>
      )}
    </div>
  );
}
