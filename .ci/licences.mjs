// Lists the licence of every package that a production install brings, from the lockfile and the packages themselves. Fails at one that is
// not among those the project may ship with, and when the list in NOTICE is another one. `npm run licences`; `npm run check` runs it.
// `--write` renews the list in NOTICE; a file's name after it stands for NOTICE.
import { readFileSync, writeFileSync } from "node:fs";

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
rows.sort((a, b) => (a.name < b.name ? -1 : 1));
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

/** The packages by licence, as NOTICE lists them. */
function listing() {
  const byLicence = Map.groupBy(rows, ({ licence }) => licence);
  const parts = [...byLicence].sort(([a], [b]) => (a < b ? -1 : 1)).map(([licence, packages]) => {
    const names = [...new Set(packages.map(({ name }) => name))];
    const lines = [""];
    for (const [i, name] of names.entries()) {
      const word = i === names.length - 1 ? name : `${name},`;
      if (lines.at(-1).length + word.length > 130) lines.push("");
      lines.push(`${lines.pop()} ${word}`);
    }
    return [licence, ...lines.map((line) => `   ${line}`)].join("\n");
  });
  return `\n\n${parts.join("\n\n")}\n\n`;
}

const BEGIN = "Each brings its licence along in its own folder:";
const END = "(end of the packages)";
const [write, path = new URL("../NOTICE", import.meta.url)] = process.argv[2] === "--write" ? process.argv.slice(2) : [undefined, process.argv[2]];
const notice = readFileSync(path, "utf8");
const [before, rest] = notice.split(BEGIN);
const renewed = `${before}${BEGIN}${listing()}${END}${rest?.split(END)[1]}`;
if (rest?.includes(END) !== true) {
  console.error("\nNOTICE has lost the lines around its list of packages");
  process.exit(1);
}
if (renewed !== notice && write) writeFileSync(path, renewed);
else if (renewed !== notice) {
  console.error("\nthe packages in NOTICE are not those of the lockfile: node .ci/licences.mjs --write");
  process.exit(1);
}
