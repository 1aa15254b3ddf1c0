import { expect, test } from "vitest";
import { ConfigError, readConfig } from "./read.ts";
import { SETTINGS } from "./settings.ts";

test("defaults", () => {
  expect(readConfig()).toMatchObject({
    host: "127.0.0.1",
    port: 7437,
    dataDir: "inkstone-data",
    apiKeys: [],
    publicUrl: undefined,
    databaseUrl: undefined,
    cancelOnHangUp: true,
    webhookStyle: "wrapped",
  });
});

test("a flag wins over the environment; empty means not set", () => {
  const env = { INKSTONE_PORT: "1", INKSTONE_HOST: "", INKSTONE_API_KEYS: " a, b ,,c" };
  expect(readConfig({ port: "0" }, env)).toMatchObject({ port: 0, host: "127.0.0.1", apiKeys: ["a", "b", "c"] });
  expect(readConfig({}, env).port).toBe(1);
});

test("the public address has no slash at its end", () => {
  expect(readConfig({ publicUrl: "https://images.example.com/ink/" }).publicUrl).toBe("https://images.example.com/ink");
});

test.each([
  [{ port: "70000" }, {}, '--port is "70000"; allowed is a whole number from 0 to 65535'],
  [{}, { INKSTONE_PORT: "x" }, 'INKSTONE_PORT is "x"; allowed is a whole number from 0 to 65535'],
  [{}, { INKSTONE_WEBHOOK_STYLE: "bent" }, 'INKSTONE_WEBHOOK_STYLE is "bent"; allowed is one of wrapped, flat'],
  [{}, { INKSTONE_CANCEL_ON_HANG_UP: "maybe" }, 'INKSTONE_CANCEL_ON_HANG_UP is "maybe"; allowed is true or false'],
  [{ publicUrl: "ftp://x" }, {}, '--public-url is "ftp://x"; allowed is an http or https URL'],
])("%j %j", (flags, env, message) => {
  expect(() => readConfig(flags, env)).toThrow(new ConfigError(message));
});

test("each environment variable and flag is used once, and secrets have no flag", () => {
  const settings = Object.values(SETTINGS);
  expect(new Set(settings.map(({ env }) => env)).size).toBe(settings.length);
  const flags = settings.flatMap(({ flag }) => flag ?? []);
  expect(new Set(flags).size).toBe(flags.length);
  for (const name of ["apiKeys", "webhookSecret", "databaseUrl"] as const) expect(SETTINGS[name].flag).toBeUndefined();
});
