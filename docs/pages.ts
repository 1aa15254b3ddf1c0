/** The pages of this folder that are made from code, by file name. */

import { createProgram } from "../src/cli/program.ts";
import { commandReference } from "../src/cli/reference.ts";

const nowhere = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: {},
  cwd: "/",
  signal: new AbortController().signal,
};

export const pages: Readonly<Record<string, string>> = {
  "cli.md": commandReference(createProgram(nowhere)),
};
