/** Errors of the operating system that concern the disk, by their codes (errno(3), write(2)). */

/** No room for more data: free some. EFBIG is no such error: the file system does not store files of this size. */
const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is exhausted",
};

/** The place does not accept the data, at whatever size. */
const UNUSABLE: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  EFBIG: "the file is too large for the file system",
  EIO: "the disk has a fault",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/** The meaning of each code, in plain words. */
export const DISK_REASONS: Readonly<Record<string, string>> = { ...FULL, ...UNUSABLE };

/** True if the error, or a cause of it, is a full disk. */
export const isDiskFull = (error: unknown): boolean => hasCode(error, FULL);

/** True if the error, or a cause of it, is a disk that cannot be used. The request is not at fault. */
export const isDiskError = (error: unknown): boolean => hasCode(error, DISK_REASONS);

/** The code of such an error, also of a cause. Undefined for every other error. */
export function diskErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? String(error.code) : "";
  return Object.hasOwn(DISK_REASONS, code) ? code : diskErrorCode(error.cause);
}

function hasCode(error: unknown, codes: Readonly<Record<string, string>>): boolean {
  const code = diskErrorCode(error);
  return code !== undefined && Object.hasOwn(codes, code);
}
