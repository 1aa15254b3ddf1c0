/** Writes the pages that are made from code: `npm run docs`. */

import { writeFile } from "node:fs/promises";
import { pages } from "./pages.ts";

const docs = new URL("../", import.meta.url);
for (const [name, text] of Object.entries(pages)) await writeFile(new URL(name, docs), text);
