/** Errors that prevent a server from starting: the problem, the place and the solution. */

import { DISK_REASONS } from "../disk-error.ts";
import { DatabaseUnavailableError } from "./database/index.ts";

/** The message is for the operator. The cause is the error of the system. */
export class StartError extends Error {
  override readonly name = "StartError";
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** An address or socket path on which the server cannot listen. */
export function listenError(
  error: unknown,
  { host, port, path }: { readonly host: string; readonly port: number; readonly path?: string | undefined },
): unknown {
  const reasons = path === undefined ? addressReasons(host, port) : socketReasons(path);
  const reason = reasons[codeOf(error)];
  return reason === undefined ? error : new StartError(reason, { cause: error });
}

const addressReasons = (host: string, port: number): Readonly<Record<string, string>> => ({
  EADDRINUSE:
    `port ${port} of ${host} is in use by another program, perhaps another Inkstone. ` +
    "Stop it, or choose another port: --port 7438, or --port 0 for any free port",
  EACCES:
    `port ${port} of ${host} is not permitted: ports below 1024 need special rights. ` +
    "Choose a port from 1024 on with --port, and let a proxy such as nginx or Caddy forward ports 80 and 443",
  EADDRNOTAVAIL: `${host} is not an address of this machine. Use 127.0.0.1, 0.0.0.0 (all), or an address of this machine for --host`,
  ENOTFOUND: `${host} is neither an address nor a name that can be resolved. Use an address of this machine for --host`,
});

const socketReasons = (path: string): Readonly<Record<string, string>> => ({
  EADDRINUSE: `${path} already exists: a file, or the socket of a running program, perhaps another Inkstone. Choose another path with --host unix:/path`,
  EACCES: `cannot create a socket at ${path}: this user may not write to its folder. Choose another path with --host unix:/path`,
  ENOENT: `cannot create a socket at ${path}: its folder does not exist. Create it, or choose another path with --host unix:/path`,
  ENOTDIR: `cannot create a socket at ${path}: one of its folders is a file. Choose another path with --host unix:/path`,
  EINVAL: `cannot create a socket at ${path}: the path is too long (107 bytes at most). Choose a shorter one with --host unix:/path`,
});

/** A data folder that cannot be used. */
export function folderError(error: unknown, folder: string): unknown {
  const reasons: Readonly<Record<string, string>> = {
    EEXIST: "it, or one of its parent folders, is a file",
    ENOTDIR: "it, or one of its parent folders, is a file",
    EACCES: "this user may not write there",
    EPERM: "this user may not write there",
  };
  const reason = reasons[codeOf(error)] ?? DISK_REASONS[codeOf(error)];
  if (reason === undefined) return error;
  return new StartError(
    `the data folder ${folder} cannot be used: ${reason}. Choose another folder with --data-dir or INKSTONE_DATA_DIR`,
    { cause: error },
  );
}

/** A PostgreSQL that did not answer in time. Its address may contain a secret, so only host and database are named. */
export function databaseError(error: unknown, url: string | undefined): unknown {
  if (!(error instanceof DatabaseUnavailableError) || url === undefined) return error;
  const { host = "", pathname = "" } = URL.parse(url) ?? {};
  return new StartError(
    `PostgreSQL at ${host || "the default address"}${pathname} cannot be reached (${error.message}). ` +
      "Check that it is running and accepts connections from here. INKSTONE_DATABASE_URL is its address, and INKSTONE_DATABASE_WAIT " +
      "the seconds to wait for it. Without INKSTONE_DATABASE_URL, the server uses a database in the data folder",
    { cause: error },
  );
}
