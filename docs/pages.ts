/** The pages of this folder that are made from code, by file name. */

import { createProgram } from "../src/cli/program.ts";
import { apiReference, asMarkdown, errorReference } from "../src/protocol/index.ts";
import { commandReference } from "./cli-page.ts";
import { configurationReference } from "./configuration-page.ts";
import { schedulersReference } from "./schedulers-page.ts";

const note = "<!-- Made by `npm run docs`. Change the code, not this page. -->\n\n";

const nowhere = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: {},
  cwd: "/",
  signal: new AbortController().signal,
  onStopAgain() {},
};

export const pages: Readonly<Record<string, string>> = {
  "api.md": note + asMarkdown(apiReference()),
  "cli.md": note + commandReference(await createProgram(nowhere)),
  "configuration.md": note + asMarkdown(configurationReference()),
  "errors.md": note + asMarkdown(errorReference()),
  "schedulers.md": note + asMarkdown(schedulersReference()),
};
