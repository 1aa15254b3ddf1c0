export { claimFolder, ForeignFolderError } from "./belonging.ts";
export { type CopyProgress, copyFiles } from "./copy.ts";
export { type DiskCalls, openDisk } from "./disk.ts";
export { type DiskSpace, watchDisks } from "./disk-space.ts";
export { type FileStore, isFileName, StorageUnavailableError } from "./files.ts";
export {
  BIN_SECONDS,
  createGallery,
  endOf,
  type Gallery,
  type GalleryPicture,
  type GalleryQuery,
  type PictureKind,
} from "./gallery.ts";
export {
  createImageReferences,
  type ImageReferences,
  type ReferencedImage,
  type ReferencedPicture,
} from "./image-reference.ts";
export { createImageStore, type ImageFacts, type ImageStore, type StoredImage } from "./image-store.ts";
export { openStorage, openStorageAt, type StorageSettings } from "./open.ts";
export { sweepOrphans } from "./orphans.ts";
export {
  createThumbnails,
  storeThumbnails,
  THUMBNAIL_SIDES,
  type ThumbnailSide,
  type Thumbnails,
} from "./thumbnails.ts";
