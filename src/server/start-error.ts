/** What keeps a server from starting: what happened, where, and what to do about it. */

import { DatabaseUnavailableError } from "./database/index.ts";

/** The message is for the person who starts the server; the cause is what the system said. */
export class StartError extends Error {
  override readonly name = "StartError";
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** An address, or a path for a socket, that cannot be listened on. */
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
    `port ${port} of ${host} is in use by another program, perhaps by another Inkstone. ` +
    "Stop that one, or choose another port: --port 7438, or --port 0 for any that is free",
  EACCES:
    `port ${port} of ${host} may not be listened on: ports below 1024 are for programs with special rights. ` +
    "Choose one from 1024 on with --port, and let a proxy such as nginx or Caddy pass on what comes to 80 and 443",
  EADDRNOTAVAIL: `${host} is no address of this machine. --host takes 127.0.0.1, 0.0.0.0 (all), or one that it has`,
  ENOTFOUND: `${host} is neither an address nor a name that can be resolved. --host takes one of this machine`,
});

const socketReasons = (path: string): Readonly<Record<string, string>> => ({
  EADDRINUSE: `${path} is there already: a file, or the socket of a program that runs, perhaps of another Inkstone. Name another path with --host unix:/path`,
  EACCES: `no socket may be made at ${path}: this user may not write to its folder. Name another path with --host unix:/path`,
  ENOENT: `no socket can be made at ${path}: its folder is not there. Make it, or name another path with --host unix:/path`,
  ENOTDIR: `no socket can be made at ${path}: something above it is a file. Name another path with --host unix:/path`,
  EINVAL: `no socket can be made at ${path}: the path is too long (107 bytes at most). Name a shorter one with --host unix:/path`,
});

/** A data folder that cannot be used. */
export function folderError(error: unknown, folder: string): unknown {
  const reasons: Readonly<Record<string, string>> = {
    EEXIST: "it, or something above it, is a file",
    ENOTDIR: "it, or something above it, is a file",
    EACCES: "this user may not write there",
    EPERM: "this user may not write there",
    EROFS: "its disk can only be read",
    ENOSPC: "its disk is full",
    EDQUOT: "the disk quota is used up",
  };
  const reason = reasons[codeOf(error)];
  if (reason === undefined) return error;
  return new StartError(
    `the data folder ${folder} cannot be used: ${reason}. Name another folder with --data-dir or INKSTONE_DATA_DIR`,
    { cause: error },
  );
}

/** A PostgreSQL that did not answer in time. Its address may hold a password: only host and database are named. */
export function databaseError(error: unknown, url: string | undefined): unknown {
  if (!(error instanceof DatabaseUnavailableError) || url === undefined) return error;
  const { host = "", pathname = "" } = URL.parse(url) ?? {};
  return new StartError(
    `PostgreSQL at ${host || "the default address"}${pathname} cannot be reached (${error.message}). ` +
      "Is it running, and does it take connections from here? INKSTONE_DATABASE_URL names it, INKSTONE_DATABASE_WAIT " +
      "says for how many seconds it is waited for; without INKSTONE_DATABASE_URL a database in the data folder is used",
    { cause: error },
  );
}
