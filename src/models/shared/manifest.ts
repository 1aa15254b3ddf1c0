import { z } from "zod";
import { ModelError } from "../errors.ts";

/** Manifest of one model in a bucket: `models/<name>.json`. Its files are objects named by their SHA-256, shared between models. */
const manifest = z.object({
  version: z.literal(1),
  /** Folder of its card in the models directory. */
  name: z.string().regex(/^[A-Za-z0-9][\w.+@-]*$/),
  /** Files in the folder of the card; `card.json` is one of them. */
  files: z
    .array(
      z.object({
        path: z.string().refine((path) => path.split("/").every((part) => /^[^./\\][^/\\]*$/.test(part)), {
          message: "must be a path within the folder",
        }),
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
});
export type Manifest = z.output<typeof manifest>;
export type SharedFile = Manifest["files"][number];

/** Keys of a model's objects in a bucket. */
export const manifestKey = (name: string): string => `models/${name}.json`;
export const fileKey = (sha256: string): string => `files/${sha256}`;

/** @throws ModelError `invalidCard` naming `source` */
export function parseManifest(text: string, source: string): Manifest {
  try {
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new ModelError("invalidCard", `${source}: ${reason}`, { cause });
  }
}
