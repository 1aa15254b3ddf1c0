import { isFileName } from "./files.ts";

/**
 * The file name in an address that this server may have given out: `…/images/NAME` under any host, an address below `imageUrl`, or a
 * presigned address of the bucket. Undefined for any other address. Whether there is such an image is for the store to say.
 */
export function ownFileName(address: string, imageUrl?: string): string | undefined {
  const { pathname, searchParams } = new URL(address);
  const end = pathname.lastIndexOf("/");
  const name = pathname.slice(end + 1);
  // With `side` it is the address of a small copy.
  if (!isFileName(name) || searchParams.has("side")) return undefined;
  const served = pathname.slice(0, end).endsWith("/images");
  const published = imageUrl !== undefined && address.startsWith(`${imageUrl}/`);
  return served || published || searchParams.has("X-Amz-Signature") ? name : undefined;
}
