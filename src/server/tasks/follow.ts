import type { Database } from "../database/index.ts";
import { findTask, findUnfinished } from "./find.ts";
import { FOLLOWING_MS, followTasksOf } from "./listen.ts";
import type { TaskSignals } from "./signals.ts";
import type { FollowEvent, OwnerId } from "./types.ts";
import type { Watchers } from "./watchers.ts";

interface FollowOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly watchers: Watchers;
}

/**
 * Follows every unfinished task of an owner, including later ones. The signal of a new task does not name the task, so
 * the owner's tasks are read again. Several signals cause one query.
 */
export async function followOwner(
  { db, signals, watchers }: FollowOptions,
  owner: OwnerId,
  listener: (taskUUID: string, event: FollowEvent) => void,
  previews: boolean,
): Promise<() => void> {
  const stops = new Map<string, () => void>();
  /** taskUUIDs by internal number, which signals use. */
  const names = new Map<string, string>();
  let reading: "no" | "once" | "again" = "no";
  let ended = false;

  async function followTask(taskUUID: string): Promise<void> {
    stops.set(taskUUID, () => {});
    let over = false;
    const read = async () => {
      const found = await findTask(db, owner, taskUUID);
      if (found !== undefined) names.set(found.id, taskUUID);
      return found;
    };
    const watching = await watchers.watch(
      read,
      (event) => {
        if (event.type === "final") over = true;
        listener(taskUUID, event);
        if (over) forget(taskUUID);
      },
      "steps",
    );
    if (ended || over || watching === undefined) watching?.stop();
    else stops.set(taskUUID, watching.stop);
    if (over || watching === undefined) forget(taskUUID);
  }

  function forget(taskUUID: string): void {
    stops.delete(taskUUID);
    for (const [id, name] of names) if (name === taskUUID) names.delete(id);
  }

  async function refresh(): Promise<void> {
    if (reading !== "no") {
      reading = "again";
      return;
    }
    do {
      reading = "once";
      const found = await findUnfinished(db, owner);
      await Promise.all(found.filter((taskUUID) => !ended && !stops.has(taskUUID)).map(followTask));
    } while ((reading as string) === "again");
    reading = "no";
  }
  const refreshSoon = () =>
    void refresh().catch(() => {
      reading = "no"; // the database is unreachable: the next signal tries again
    });

  const unlisten = signals.listen((signal) => {
    if (signal.type === "gap" || (signal.type === "submitted" && signal.owner === owner)) refreshSoon();
    if (signal.type === "preview" && previews) {
      const taskUUID = names.get(signal.id);
      if (taskUUID !== undefined) listener(taskUUID, { type: "preview", ...signal.preview });
    }
  });
  const follow = () => followTasksOf(db, owner, signals.processName, previews);
  // While the database is unreachable, no events can occur.
  const following = setInterval(() => void follow().catch(() => {}), FOLLOWING_MS / 2).unref();
  await follow();
  await refresh();
  return () => {
    ended = true;
    clearInterval(following);
    unlisten();
    for (const stop of stops.values()) stop();
  };
}
