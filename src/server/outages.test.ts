import { expect, test } from "vitest";
import { DatabaseUnavailableError } from "./database/index.ts";
import { tellingOutages } from "./outages.ts";
import { StorageUnavailableError } from "./storage/index.ts";

const failing = (error: Error) => tellingOutages({ name: "x", read: async (_: string) => Promise.reject(error) });

test.each([
  [new DatabaseUnavailableError("gone"), "Its database is away."],
  [new StorageUnavailableError("full"), "Its disk is not usable."],
])("%s is told as an outage that passes", async (error, reason) => {
  await expect(failing(error).read("a")).rejects.toMatchObject({
    code: "serviceUnavailable",
    message: `The server cannot take tasks now. ${reason}`,
    facts: { retryAfter: 5 },
    cause: error,
  });
});

test("anything else stays what it is", async () => {
  const defect = new TypeError("x is not a function");
  await expect(failing(defect).read("a")).rejects.toBe(defect);
  expect(failing(defect).name).toBe("x");
});
