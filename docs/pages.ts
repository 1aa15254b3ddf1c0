/** The pages of this folder that are made from code, by file name. */

import { createProgram } from "../src/cli/program.ts";
import { commandReference } from "../src/cli/reference.ts";
import { configurationReference } from "../src/config-reference.ts";
import { apiReference, asMarkdown, errorReference } from "../src/protocol/index.ts";
import { schedulersReference } from "../src/schedulers-reference.ts";

const note = "<!-- Made by `npm run docs`. Change the code, not this page. -->\n\n";

const nowhere = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: {},
  cwd: "/",
  signal: new AbortController().signal,
  onStopAgain() {},
};

export const pages: Readonly<Record<string, string>> = {
  "api.md": note + asMarkdown(apiReference()),
  "cli.md": note + commandReference(createProgram(nowhere)),
  "configuration.md": note + asMarkdown(configurationReference()),
  "errors.md": note + asMarkdown(errorReference()),
  "schedulers.md": note + asMarkdown(schedulersReference()),
};
