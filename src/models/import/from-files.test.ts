import { expect, test } from "vitest";
import { bundledCheckpoint } from "../../bundled.ts";
import { requireCompanions } from "./from-files.ts";

test("a base of another size than a large transformer is refused before the transformer is downloaded", async () => {
  await expect(requireCompanions({ base: bundledCheckpoint }, 20e9)).rejects.toThrow(
    /text encoder has 256 features; a transformer of this size needs 3584\. Name Qwen-Image/,
  );
  await requireCompanions({ base: bundledCheckpoint }, 1e6);
});
