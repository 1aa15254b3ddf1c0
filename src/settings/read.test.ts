import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigError, readConfig } from "./read.ts";
import { SETTINGS } from "./settings.ts";

test("defaults", () => {
  expect(readConfig()).toMatchObject({
    host: "127.0.0.1",
    port: 7437,
    dataDir: undefined,
    apiKeys: [],
    publicUrl: undefined,
    databaseUrl: undefined,
    cancelOnHangUp: true,
    webhookStyle: "wrapped",
  });
});

test("a flag has precedence over the environment; empty means not set", () => {
  const env = { INKSTONE_PORT: "1", INKSTONE_HOST: "", INKSTONE_API_KEYS: " a, b ,,c" };
  expect(readConfig({ port: "0" }, env)).toMatchObject({ port: 0, host: "127.0.0.1", apiKeys: ["a", "b", "c"] });
  expect(readConfig({}, env).port).toBe(1);
});

test("origins have no path", () => {
  const read = (given: string) => readConfig({}, { INKSTONE_ALLOWED_ORIGINS: given }).allowedOrigins;
  expect(read("https://a.example,http://10.0.0.5:3000")).toEqual(["https://a.example", "http://10.0.0.5:3000"]);
  for (const given of ["https://a.example/", "a.example", "*"]) expect(() => read(given)).toThrow("without a path");
});

test("the public address has no slash at the end", () => {
  expect(readConfig({ publicUrl: "https://images.example.com/ink/" }).publicUrl).toBe("https://images.example.com/ink");
});

test("devices: one, or a list", () => {
  expect(readConfig().devices).toEqual(["cpu"]);
  expect(readConfig({ devices: "auto" }).devices).toEqual(["auto"]);
  expect(readConfig({}, { INKSTONE_DEVICE: "cuda:0, cuda:1,webgpu" }).devices).toEqual(["cuda:0", "cuda:1", "webgpu"]);
  for (const wrong of ["gpu", "cuda:", "cuda:0,nvidia"]) {
    expect(() => readConfig({ devices: wrong })).toThrow(`--device is "${wrong}"; it must be \`auto\`, \`cpu\``);
  }
});

test.each([
  [{ port: "70000" }, {}, '--port is "70000"; it must be an integer value between 0 and 65535'],
  [{}, { INKSTONE_PORT: "x" }, 'INKSTONE_PORT is "x"; it must be an integer value between 0 and 65535'],
  [{}, { INKSTONE_PORT: "7.5" }, 'INKSTONE_PORT is "7.5"; it must be an integer value between 0 and 65535'],
  [
    {},
    { INKSTONE_WEBHOOK_STYLE: "bent" },
    "INKSTONE_WEBHOOK_STYLE is \"bent\"; it must be one of the supported values. Supported values are: 'wrapped', 'flat'",
  ],
  [{}, { INKSTONE_CANCEL_ON_HANG_UP: "maybe" }, 'INKSTONE_CANCEL_ON_HANG_UP is "maybe"; it must be a boolean value'],
  [
    { publicUrl: "ftp://x" },
    {},
    '--public-url is "ftp://x"; it must be an absolute http or https URL without credentials',
  ],
  [
    {},
    { INKSTONE_DATABASE_URL: "me:secret@db/ink" },
    "INKSTONE_DATABASE_URL is invalid; it must be a URL that begins with postgres:// or postgresql://",
  ],
  [
    {},
    { INKSTONE_API_KEY: "abc" },
    "INKSTONE_API_KEY is not a setting of Inkstone; did you mean INKSTONE_API_KEYS? docs/reference/configuration.md lists all settings",
  ],
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

test("a secret can be in a file that a variable names, or be a credential of systemd", () => {
  const folder = mkdtempSync(join(tmpdir(), "inkstone-secrets-"));
  writeFileSync(join(folder, "keys"), "first,second\n");
  writeFileSync(join(folder, "INKSTONE_API_KEYS"), "third\n");
  const named = { INKSTONE_API_KEYS_FILE: join(folder, "keys") };
  expect(readConfig({}, named).apiKeys).toEqual(["first", "second"]);
  expect(readConfig({}, { CREDENTIALS_DIRECTORY: folder }).apiKeys).toEqual(["third"]);
  expect(readConfig({}, { CREDENTIALS_DIRECTORY: folder, INKSTONE_API_KEYS: "own" }).apiKeys).toEqual(["own"]);
  expect(() => readConfig({}, { ...named, INKSTONE_API_KEYS: "own" })).toThrow(
    "INKSTONE_API_KEYS and INKSTONE_API_KEYS_FILE are both set; set only one of them",
  );
  expect(() => readConfig({}, { INKSTONE_DATABASE_URL_FILE: join(folder, "none") })).toThrow(
    /^INKSTONE_DATABASE_URL_FILE names a file that cannot be read: ENOENT/,
  );
  writeFileSync(join(folder, "url"), "me:secret@db");
  expect(() => readConfig({}, { INKSTONE_DATABASE_URL_FILE: join(folder, "url") })).toThrow(
    "INKSTONE_DATABASE_URL_FILE is invalid; it must be a URL that begins with postgres:// or postgresql://",
  );
});
