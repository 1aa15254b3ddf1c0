import { useEffect, useState } from "preact/hooks";
import { awayUntil } from "../state/connection.ts";
import { words } from "../text/index.ts";

/** Delay in milliseconds: a short outage is not shown. */
const PATIENCE_MS = 1200;

/** Reports that the server does not answer. The rest of the page stays readable. */
export function ServerAwayBar() {
  const [, tick] = useState(0);
  const [since, setSince] = useState<number>();
  const until = awayUntil.value;
  useEffect(() => {
    if (until === undefined) return setSince(undefined);
    setSince((earlier) => earlier ?? Date.now());
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [until]);
  if (until === undefined || since === undefined || Date.now() - since < PATIENCE_MS) return null;
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  return (
    <p class="away" role="status">
      {words.value.away(seconds)}
    </p>
  );
}
