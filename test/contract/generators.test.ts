/** Programs that make clients from `/openapi.json`, unmodified: what they make holds. `.ci/run` sets them up. */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "../../src/server/http/openapi.ts";

const call = promisify(execFile);
const { INKSTONE_TEST_CLIENTS, INKSTONE_TEST_PYTHON: python } = process.env;
const clients = INKSTONE_TEST_CLIENTS && resolve(INKSTONE_TEST_CLIENTS);

describe.skipIf(!clients || !python)("generators (skipped without INKSTONE_TEST_CLIENTS)", () => {
  let folder: string;
  let document: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-generators-"));
    document = join(folder, "openapi.json");
    await writeFile(document, JSON.stringify(openApiDocument()));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("openapi-typescript: its types accept a task and a reply, and refuse a wrong one", async () => {
    const program = join(clients!, "npm/node_modules/openapi-typescript/bin/cli.js");
    await call(process.execPath, [program, document, "-o", join(folder, "api.d.ts")]);
    await writeFile(
      join(folder, "use.ts"),
      `import type { components } from "./api.d.ts";
type Schemas = components["schemas"];
export const task: Schemas["ImageInference"] = {
  taskType: "imageInference", taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7", model: "runware:108@1",
  positivePrompt: "a cat", width: 256, height: 256, outputType: ["URL"], advancedFeatures: { watermark: { text: "ink" } },
};
export const batch: Schemas["Task"][] = [task];
export const url = (item: Schemas["ImageItem"]): string | undefined => item.imageURL;
// @ts-expect-error steps are numbers
export const wrong: Schemas["ImageInference"] = { ...task, steps: "20" };
`,
    );
    const flags = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--allowImportingTsExtensions",
    ];
    await call(resolve("node_modules/.bin/tsc"), [...flags, "--types", "", join(folder, "use.ts")]).catch((error) =>
      expect.fail(error.stdout),
    );
  });

  test("openapi-python-client: a task becomes JSON of the API, a reply is parsed", async () => {
    const env = { ...process.env, PYTHONPATH: `${join(clients!, "openapi")}:${folder}` };
    await writeFile(join(folder, "config.yml"), "post_hooks: []\n");
    const made = ["generate", "--path", document, "--output-path", join(folder, "made"), "--meta", "none"];
    const given = ["-m", "openapi_python_client", ...made, "--config", join(folder, "config.yml")];
    const { stdout, stderr } = await call(python!, given, { env });
    // What it cannot make: bodies of images. It knows no image types.
    const warnings = [...(stdout + stderr).matchAll(/WARNING parsing (\S+ \S+) /g)].map(([, path]) => path);
    expect(warnings.sort(), stdout + stderr).toEqual(["GET /images/{file}", "POST /v1/pictures"]);
    const use = `
import importlib, pkgutil, made, made.models as models
for found in pkgutil.walk_packages(made.__path__, "made."): importlib.import_module(found.name)
task = models.ImageInference(task_type="imageInference", task_uuid="ddf77178-639c-48d8-9827-501a20948cf7", model="runware:108@1", positive_prompt="a cat")
assert task.to_dict()["positivePrompt"] == "a cat", task.to_dict()
item = models.ImageItem.from_dict({"taskType": "imageInference", "taskUUID": "ddf77178-639c-48d8-9827-501a20948cf7", "imageUUID": "ddf77178-639c-48d8-9827-501a20948cf7", "seed": 7})
print(item.seed)
`;
    expect((await call(python!, ["-c", use], { env })).stdout.trim()).toBe("7");
  });
});
