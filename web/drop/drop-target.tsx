import { useEffect, useState } from "preact/hooks";
import { checkPictureFile } from "../picture-file.ts";
import { tell } from "../state/notices.ts";
import { DropDialog } from "./drop-dialog.tsx";

/** Accepts an image that is dropped or pasted anywhere. It asks what to do with it, and replaces nothing before that. */
export function DropTarget() {
  const [file, setFile] = useState<File>();
  useEffect(() => {
    const take = (next: File | undefined) => {
      if (next === undefined) return;
      checkPictureFile(next).then(
        () => setFile(next),
        (thrown: Error) => tell({ text: thrown.message, tone: "problem" }),
      );
    };
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault(); // otherwise the browser opens the file
      take(event.dataTransfer?.files[0]);
    };
    const paste = ({ clipboardData }: ClipboardEvent) => {
      if (document.querySelector("dialog[open]") === null) take(clipboardData?.files[0]);
    };
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, []);
  return file === undefined ? null : <DropDialog file={file} onClose={() => setFile(undefined)} />;
}
