/** The pages of this folder that are made from code, by file name. */

import { createProgram } from "../../src/cli/program.ts";
import { apiReference } from "./api.ts";
import { asMarkdown } from "./blocks.ts";
import { commandReference } from "./cli.ts";
import { configurationReference } from "./configuration.ts";
import { errorReference } from "./errors.ts";
import { metricsReference } from "./metrics.ts";
import { schedulersReference } from "./schedulers.ts";

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
  "reference/api.md": note + asMarkdown(apiReference()),
  "reference/cli.md": note + commandReference(await createProgram(nowhere)),
  "reference/configuration.md": note + asMarkdown(configurationReference()),
  "reference/errors.md": note + asMarkdown(errorReference()),
  "reference/metrics.md": note + asMarkdown(metricsReference()),
  "reference/schedulers.md": note + asMarkdown(schedulersReference()),
};
