import { expect, test } from "vitest";
import { openModelUploads } from "./model-upload.ts";
import { modelLocations } from "./models/index.ts";
import { createOutbound } from "./net/index.ts";
import { type ModelUploadTask, parseTask } from "./protocol/index.ts";

test("a server that takes no models says so before it opens a connection", async () => {
  const air = "me:sketch@1";
  const given = { taskUUID: crypto.randomUUID(), category: "lora", air, name: "A", downloadURL: "http://a.example/" };
  const parsed = parseTask({ taskType: "modelUpload", ...given });
  if (!parsed.ok) throw parsed.errors[0];
  const limits = { maxBytes: 0, timeoutMs: 1000 };
  const uploads = openModelUploads(modelLocations({}), createOutbound(), limits, () => {});
  const { signal } = new AbortController();
  await expect(uploads.receive(parsed.task as ModelUploadTask, () => {}, signal)).rejects.toMatchObject({
    code: "permissionDenied",
    message: expect.stringContaining("INKSTONE_MAX_MODEL_MB"),
  });
});
