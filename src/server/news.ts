/** Events other than those of tasks: uploaded, changed and binned images, and changes in the list of models. */

import type { ModelCatalogue } from "../models/index.ts";
import type { Database } from "./database/index.ts";
import type { NewsPort, Uploads } from "./http/index.ts";
import type { Gallery } from "./storage/index.ts";
import { followersOf, type OwnerId, type TaskSignals } from "./tasks/index.ts";

/**
 * Interval of comparing the list of models while a client watches. The command line changes models without a signal.
 */
const MODELS_MS = 2_000;

interface NewsOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly models: ModelCatalogue;
}

export interface OpenNews extends NewsPort {
  /** Wraps a gallery to report its changes. */
  ofGallery(gallery: Gallery): Gallery;
  /** Wraps uploads to report them. */
  ofUploads(uploads: Uploads): Uploads;
}

export function openNews({ db, signals, models }: NewsOptions): OpenNews {
  const watchModels = modelWatch(models, signals);

  /** Reports a change to watchers. The change is valid even if the report is lost. */
  async function tell(owner: OwnerId, imageUUIDs: readonly string[], gone = false): Promise<void> {
    if (imageUUIDs.length === 0) return;
    const others = db.kind === "pglite" ? [] : await followersOf(db, owner).catch(() => []);
    signals.publish({ type: "pictures", owner, imageUUIDs, gone }, others);
  }

  return {
    listen(owner, listener) {
      const unlisten = signals.listen((signal) => {
        if (signal.type === "pictures" && signal.owner === owner) listener(signal);
      });
      const unwatch = watchModels(() => listener({ type: "models" }));
      return () => {
        unlisten();
        unwatch();
      };
    },
    ofGallery: (gallery) => ({
      ...gallery,
      async change(owner, imageUUID, change) {
        const picture = await gallery.change(owner, imageUUID, change);
        if (picture !== undefined) await tell(owner, [picture.imageUUID]);
        return picture;
      },
      async bin(owner, imageUUIDs) {
        const binned = await gallery.bin(owner, imageUUIDs);
        await tell(owner, binned, true);
        return binned;
      },
      async restore(owner, imageUUIDs) {
        const restored = await gallery.restore(owner, imageUUIDs);
        await tell(owner, restored);
        return restored;
      },
    }),
    ofUploads: (uploads) => ({
      async store(owner, ...rest) {
        const image = await uploads.store(owner, ...rest);
        await tell(owner, [image.imageUUID]);
        return image;
      },
      async keep(owner, ...rest) {
        const image = await uploads.keep(owner, ...rest);
        await tell(owner, [image.imageUUID]);
        return image;
      },
      async remove(owner, imageUUID) {
        const isGone = await uploads.remove(owner, imageUUID);
        if (isGone) await tell(owner, [imageUUID.toLowerCase()], true);
        return isGone;
      },
    }),
  };
}

/** Compares the list of models on signals and at intervals, once for all watchers. Without watchers, nothing is read. */
function modelWatch(models: ModelCatalogue, signals: TaskSignals): (listener: () => void) => () => void {
  const listeners = new Set<() => void>();
  let known: string | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  async function compare(): Promise<void> {
    const now = JSON.stringify(await models.list());
    const isNews = known !== undefined && known !== now;
    known = now;
    if (isNews) for (const listener of listeners) listener();
  }
  // A card that cannot be read, or an unreachable database: the next comparison reports it.
  const compareSafely = () => void compare().catch(() => {});

  signals.listen(({ type }) => {
    if (type === "models" && listeners.size > 0) compareSafely();
  });

  return (listener) => {
    listeners.add(listener);
    if (timer === undefined) {
      known = undefined;
      compareSafely();
      timer = setInterval(compareSafely, MODELS_MS).unref();
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  };
}
