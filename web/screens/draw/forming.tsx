import { FittedPicture } from "../../parts/fitted-picture.tsx";
import type { Work } from "../../state/work.ts";
import { words } from "../../text/index.ts";

/** An unfinished image: its frame, and its preview so far. */
export function Forming({ work, index }: { readonly work: Work; readonly index: number }) {
  const { width = 1, height = 1, positivePrompt = "" } = work.parameters;
  const src = work.preview?.image === index ? work.preview.uri : undefined;
  return <FittedPicture src={src} width={width} height={height} alt={words.value.formingOf(positivePrompt)} rough />;
}
