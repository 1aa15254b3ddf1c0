export { type DiskCalls, openDisk } from "./disk.ts";
export { type FileStore, StorageUnavailableError } from "./files.ts";
export {
  createImageReferences,
  type ImageReferences,
  type ReferencedImage,
  type ReferencedPicture,
} from "./image-reference.ts";
export { createImageStore, type ImageFacts, type ImageStore, type StoredImage } from "./image-store.ts";
export { openStorage, type StorageSettings } from "./open.ts";
