// Lists the licence of every package that a production install brings, from the lockfile and the packages themselves, and fails at one
// that is not among those the project may ship with. `npm run licences`; CI runs it.
import { readFileSync } from "node:fs";

const ALLOWED = new Set([
  "MIT",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "0BSD",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "Unlicense",
  "Python-2.0",
  // libvips, which sharp loads as a library of its own and which can be exchanged.
  "LGPL-3.0-or-later",
]);

/** Whether some choice of an SPDX expression is allowed. */
const isAllowed = (expression) =>
  expression
    .replace(/[()]/g, "")
    .split(/ OR /i)
    .some((choice) => choice.split(/ AND /i).every((id) => ALLOWED.has(id.trim())));

const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const rows = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === "" || entry.dev || entry.devOptional) continue;
  let licence = entry.license;
  try {
    const found = JSON.parse(readFileSync(new URL(`../${path}/package.json`, import.meta.url), "utf8"));
    licence = typeof found.license === "object" ? found.license.type : (found.license ?? found.licenses?.[0]?.type ?? licence);
  } catch {
    // Of another platform: what the lockfile says.
  }
  rows.push({ name: path.replace(/^.*node_modules\//, ""), version: entry.version, licence: licence ?? "none" });
}
rows.sort((a, b) => a.name.localeCompare(b.name));
const seen = new Set();
for (const { name, version, licence } of rows) {
  const line = `${name} ${version}: ${licence}`;
  if (!seen.has(line)) console.log(line);
  seen.add(line);
}
const refused = rows.filter(({ licence }) => !isAllowed(licence));
if (refused.length > 0) {
  console.error(`\nnot allowed: ${refused.map(({ name, licence }) => `${name} (${licence})`).join(", ")}`);
  process.exit(1);
}
