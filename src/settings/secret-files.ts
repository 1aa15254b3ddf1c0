import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The value of a secret and its source. Messages name the `source`. */
interface Secret {
  readonly source: string;
  readonly value: string;
}

/** The variable that names the file of a secret. */
export const fileVariable = (variable: string): string => `${variable}_FILE`;

/**
 * Reads a secret from a variable, from the file that `<variable>_FILE` names, or from the systemd credential of that name.
 * Docker and Kubernetes provide secrets as files. Whitespace at the end of a file is dropped. Throws if two sources are set,
 * or if the file cannot be read.
 */
export function readSecret(variable: string, env: Readonly<Record<string, string | undefined>>): Secret | undefined {
  const value = env[variable];
  const named = env[fileVariable(variable)];
  if (value && named) throw new Error(`${variable} and ${fileVariable(variable)} are both set; set only one of them`);
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
