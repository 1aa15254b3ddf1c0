import { join } from "node:path";
import { diskErrorCode } from "../../disk-error.ts";
import { openRepository } from "../hub/index.ts";
import type { PullJob, PullReport } from "../install/pull-checkpoint.ts";
import { pullRepository } from "./pull-repository.ts";
import { filesOfCheckpoint } from "./used-files.ts";

/**
 * A process that pulls one checkpoint, so that the conversion does not block the server. `pull-checkpoint.ts` starts it with a `PullJob`
 * as its argument. It exits when its parent does.
 */
const { repo, revision, naming, locations }: PullJob = JSON.parse(process.argv[2]!);
const report = (message: PullReport) => process.send?.(message, () => {});
process.on("disconnect", () => process.exit(1));

const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = process.env;
const done = new Map<string, number>();
let total = 0;
try {
  const repository = await openRepository(repo, {
    revision,
    hubUrl,
    accessToken,
    onProgress(file) {
      done.set(file.path, file.done);
      const bytes = [...done.values()].reduce((sum, some) => sum + some, 0);
      report({ type: "progress", percentage: total === 0 ? 100 : Math.min(100, Math.floor((100 * bytes) / total)) });
    },
  });
  total = filesOfCheckpoint(repository).reduce((sum, { size }) => sum + size, 0);
  const folder = join(locations.modelsDir, ".hub", repo, revision.replaceAll("/", "."));
  await pullRepository(repository, folder, {}, { ...naming, folderName: repo }, locations);
  report({ type: "done" });
} catch (error) {
  const { name, message, reason } = error as Error & { reason?: string };
  const code = diskErrorCode(error);
  report({
    type: "failed",
    name,
    message,
    ...(reason !== undefined && { reason }),
    ...(code !== undefined && { code }),
  });
}
process.disconnect?.();
