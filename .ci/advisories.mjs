// Asks the registry for advisories against the packages of a production install (`npm audit`). `npm run advisories`; CI runs it.
// Ends with 0 when there are none, with 1 when there are, with 2 when the registry does not answer: many mirrors do not.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json", "--fetch-retries=1", ...process.argv.slice(2)], {
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  encoding: "utf8",
  timeout: 120_000,
});

/** What npm says; nothing when it was cut off or is not there. */
function read(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

const report = read(stdout);
if (report.vulnerabilities === undefined) {
  console.error(`not checked: the registry tells no advisories (${report.message ?? "no answer"})`);
  process.exit(2);
}
const found = Object.values(report.vulnerabilities);
for (const { name, severity, range, via } of found) {
  const reasons = via.map((reason) => (typeof reason === "string" ? `through ${reason}` : `${reason.title} (${reason.url})`));
  console.error(`${severity}: ${name} ${range}: ${reasons.join("; ")}`);
}
if (found.length === 0) console.log("no advisories against what ships");
process.exit(found.length === 0 ? 0 : 1);
