import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes a `card.json` whole or not at all into its folder, which is made where it is missing. */
export async function writeCard(registration: string, card: object): Promise<void> {
  await mkdir(registration, { recursive: true });
  const temporary = join(registration, `.card.${process.pid}.json`);
  await writeFile(temporary, `${JSON.stringify(card, undefined, 2)}\n`);
  await rename(temporary, join(registration, "card.json"));
}
