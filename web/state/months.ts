/** The months that have images, for the rail of dates. */

import { request } from "../api/server.ts";
import type { Page, Picture } from "../api/types.ts";
import type { PictureQuery } from "./picture-list.ts";

/** Most months to look for: one small request each. */
const MOST = 60;

/**
 * Finds the months in which images of a query were made: the newest image, then the newest before its month, and so on.
 * @returns the first day of each month in the user's time zone, newest first
 */
export async function monthsOf({ to: _, ...query }: PictureQuery, signal: AbortSignal): Promise<readonly Date[]> {
  const months: Date[] = [];
  const search = new URLSearchParams({ limit: "1" });
  for (const [name, value] of Object.entries(query)) search.set(name, String(value));
  while (months.length < MOST && !signal.aborted) {
    const { data } = await request<Page<Picture>>("GET", `/v1/pictures?${search}`);
    if (data[0] === undefined) break;
    const made = new Date(data[0].createdAt);
    const month = new Date(made.getFullYear(), made.getMonth(), 1);
    months.push(month);
    search.set("to", month.toISOString());
  }
  return months;
}
