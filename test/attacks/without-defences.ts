/** `npm run test:defences [SUITE]`: takes each defence out of a copy of the last commit; its suite has to fail. Ends with 1 when one does not notice. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DEFENCES } from "./defences.ts";

const [suite] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "inkstone-defences-"));
execFileSync("git", ["worktree", "add", "--quiet", "--detach", "--force", folder]);
symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
try {
  for (const each of DEFENCES.filter((one) => suite === undefined || one.suite === suite)) {
    const path = join(folder, each.file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(
      path,
      whole.replace(each.code, () => each.without),
    );
    const begun = performance.now();
    const args = [`test/attacks/${each.suite}.test.ts`, "--bail", "1", "--testTimeout", "90000"];
    if (each.test !== undefined) args.push(`--testNamePattern=${each.test}`);
    const { status, stdout } = spawnSync("node_modules/.bin/vitest", ["run", ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    writeFileSync(path, whole);
    const ran = / Tests .*?([1-9]\d*) (passed|failed)/.test(stdout);
    const noticed = status !== 0 && / Tests .*failed/.test(stdout);
    if (!noticed) process.exitCode = 1;
    const verdict = noticed ? "fails" : ran ? "DOES NOT NOTICE" : "DID NOT RUN";
    const failed = /^ +[×✗] .*/m.exec(stdout)?.[0].trim() ?? "";
    console.log(
      `${each.suite}: without "${each.defence}" ${verdict} (${Math.round((performance.now() - begun) / 1000)} s) ${failed}`,
    );
    if (!ran) console.log(stdout.slice(-2_000));
  }
} finally {
  execFileSync("git", ["worktree", "remove", "--force", folder]);
  rmSync(folder, { recursive: true, force: true });
}
