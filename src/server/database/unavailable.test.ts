import { expect, test } from "vitest";
import { DatabaseUnavailableError } from "./index.ts";
import { asUnavailable } from "./unavailable.ts";

const coded = (code: string) => Object.assign(new Error("it said no"), { code });

test.each([
  ["ECONNREFUSED", coded("ECONNREFUSED")],
  ["a reset connection", coded("ECONNRESET")],
  ["server shutting down", coded("57P01")],
  ["server starting up", coded("57P03")],
  ["connection failure", coded("08006")],
  ["too many connections", coded("53300")],
  ["disk full", coded("53100")],
  ["what pg throws without a code", new Error("Connection terminated unexpectedly")],
  ["several addresses refused", new AggregateError([coded("ECONNREFUSED")], "all failed")],
])("%s is an outage", (_, error) => {
  const told = asUnavailable(error);
  expect(told).toBeInstanceOf(DatabaseUnavailableError);
  expect((told as Error).cause).toBe(error);
  expect(asUnavailable(told)).toBe(told);
});

test.each([
  ["a unique violation", coded("23505")],
  ["a syntax error", coded("42601")],
  ["a serialization failure", coded("40001")],
  ["a plain error", new Error("no")],
  ["no error at all", "text"],
])("%s is not", (_, error) => {
  expect(asUnavailable(error)).toBe(error);
});
