import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { diskErrorCode } from "../../disk-error.ts";
import { openRepository } from "../hub/index.ts";
import type { PullJob, PullReport } from "../install/pull-checkpoint.ts";
import { bytesBegun } from "./part-store.ts";
import { bytesToPull, pullRepository } from "./pull-repository.ts";
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
  await requireRoom(bytesToPull(repository));
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

/**
 * Refuses a checkpoint that does not fit on the disk, before the download starts. The results of an interrupted pull count as free space:
 * they are reused.
 */
async function requireRoom(bytes: number): Promise<void> {
  const { modelsDir } = locations;
  await mkdir(modelsDir, { recursive: true });
  const { bavail, bsize } = await statfs(modelsDir);
  const free = bavail * bsize;
  if (free + (await bytesBegun(modelsDir)) >= bytes) return;
  const gigabytes = (size: number) => (size / 1e9).toFixed(1);
  throw new Error(`it needs ${gigabytes(bytes)} GB of disk space; ${gigabytes(free)} GB are free`);
}
