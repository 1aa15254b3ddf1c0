import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the value of a secret comes from; `source` names it in messages. */
interface Secret {
  readonly source: string;
  readonly value: string;
}

/** The variable that names the file of a secret. */
export const fileVariable = (variable: string): string => `${variable}_FILE`;

/**
 * The secret that a variable holds, or the file that `<variable>_FILE` names (as for secrets of Docker and Kubernetes), or systemd's
 * credential with the variable's name. Blanks at the end of a file do not count. Throws when two places give it, or its file cannot be read.
 */
export function readSecret(variable: string, env: Readonly<Record<string, string | undefined>>): Secret | undefined {
  const value = env[variable];
  const named = env[fileVariable(variable)];
  if (value && named) throw new Error(`${variable} and ${fileVariable(variable)} are both set; only one may be`);
  if (value) return { source: variable, value };
  if (named) return { source: fileVariable(variable), value: readFile(named, fileVariable(variable)) };
  const folder = env.CREDENTIALS_DIRECTORY;
  if (!folder) return undefined;
  const credential = join(folder, variable);
  try {
    return { source: `the credential ${variable}`, value: readFileSync(credential, "utf8").trimEnd() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`the credential ${variable} cannot be read: ${(error as Error).message}`);
  }
}

function readFile(path: string, source: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd();
  } catch (error) {
    throw new Error(`${source} names a file that cannot be read: ${(error as Error).message}`);
  }
}
