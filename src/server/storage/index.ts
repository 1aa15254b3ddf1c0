export { type DiskCalls, type FileStore, openDisk, StorageUnavailableError } from "./disk.ts";
export {
  createImageReferences,
  type ImageReferences,
  type ReferencedImage,
  type ReferencedPicture,
} from "./image-reference.ts";
export { createImageStore, type ImageFacts, type ImageStore, type StoredImage } from "./image-store.ts";
