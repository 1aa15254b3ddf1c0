import { DatabaseUnavailableError } from "./database.ts";

/**
 * Socket errors of Node, and SQLSTATE classes of PostgreSQL for temporary failures: connection, shutdown, resources.
 */
const SOCKET_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOENT", "ENOTFOUND", "EAI_AGAIN"]);
const SQLSTATE = /^(08...|57P0[1-5]|53[0-4]..)$/;
/** `pg` throws some connection losses without a code. */
const MESSAGES =
  /connection terminated|connection timeout|query read timeout|timeout exceeded when trying to connect|not queryable|connection error/i;

/**
 * Converts an error that means "the database is unreachable" to a DatabaseUnavailableError. Returns other errors
 * unchanged.
 */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseUnavailableError) return error;
  const code = "code" in error ? String(error.code) : "";
  const causes = error instanceof AggregateError ? error.errors : [];
  const away =
    SOCKET_CODES.has(code) ||
    SQLSTATE.test(code) ||
    MESSAGES.test(error.message) ||
    causes.some((cause) => asUnavailable(cause) instanceof DatabaseUnavailableError);
  if (!away) return error;
  const why = error.message || causes.map((cause) => cause.message).join("; ");
  return new DatabaseUnavailableError(`the database is not available: ${why}`, { cause: error });
}
