/** A task as code. Running the code gives the same image. */

import { type JsonObject, stringifyJson } from "../api/json.ts";
import type { Parameters } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";

export const CODE_FORMS = ["curl", "javascript", "python", "cli"] as const;

/** `origin`: address of the server; `key`: true when it requires one. (The key itself is never written.) */
export function codeFor(
  form: (typeof CODE_FORMS)[number],
  parameters: Parameters,
  origin: string,
  key: boolean,
): string {
  // The calls of the SDKs name the kind of task.
  const { taskType: _, ...named } = parameters;
  switch (form) {
    case "curl":
      return curl(parameters, origin, key);
    case "javascript":
      return javascript(named as Parameters, origin, key);
    case "python":
      return python(named as Parameters, origin, key);
    case "cli":
      return `inkstone generate --params - <<'TASK'\n${stringifyJson(parameters, 2)}\nTASK`;
  }
}

/** Text in single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function curl(parameters: Parameters, origin: string, key: boolean): string {
  const task = [{ taskType: "imageInference", taskUUID: randomUuid(), ...parameters }];
  const lines = [
    `curl ${origin}/v1`,
    "-H 'Content-Type: application/json'",
    ...(key ? ['-H "Authorization: Bearer $INKSTONE_API_KEY"'] : []),
    `-d ${quoted(stringifyJson(task, 2))}`,
  ];
  return lines.join(" \\\n  ");
}

function javascript(parameters: Parameters, origin: string, key: boolean): string {
  const body = stringifyJson({ numberResults: 1, ...parameters }, 2);
  return `import { Runware } from "@runware/sdk-js";

const runware = new Runware({
  apiKey: ${key ? "process.env.INKSTONE_API_KEY" : '"none"'},
  url: "${socketOf(origin)}",
});
await runware.ensureConnection();
const images = await runware.imageInference(${body});
for (const image of images) console.log(image.imageURL);
await runware.disconnect();`;
}

/** Parameters that are classes in the Python SDK, and the fields of these classes. */
const PYTHON_CLASSES = [
  ["lora", "ILora", ["model", "weight"]],
  [
    "controlNet",
    "IControlNetGeneral",
    [
      "model",
      "guideImage",
      "weight",
      "startStep",
      "endStep",
      "startStepPercentage",
      "endStepPercentage",
      "controlMode",
    ],
  ],
] as const;

/** The parameters, limited to the fields of the SDK's classes. */
function forPython(parameters: Parameters): Parameters {
  const lists = PYTHON_CLASSES.flatMap(([name, , fields]) => {
    const list = parameters[name] as readonly JsonObject[] | undefined;
    const pick = (one: JsonObject) => Object.fromEntries(fields.flatMap((f) => (f in one ? [[f, one[f]]] : [])));
    return list === undefined ? [] : [[name, list.map(pick)]];
  });
  return { ...parameters, ...Object.fromEntries(lists) };
}

function python(parameters: Parameters, origin: string, key: boolean): string {
  const body = stringifyJson(forPython(parameters), 4)
    .replaceAll(/: true(,?)$/gm, ": True$1")
    .replaceAll(/: false(,?)$/gm, ": False$1")
    .replaceAll(/: null(,?)$/gm, ": None$1");
  const own = PYTHON_CLASSES.filter(([name]) => parameters[name] !== undefined);
  const imports = own.length === 0 ? "" : `\nfrom runware.types import ${own.map(([, type]) => type).join(", ")}`;
  const objects = own.map(([name, type]) => `TASK["${name}"] = [${type}(**one) for one in TASK["${name}"]]\n`).join("");
  return `import asyncio, os
from runware import IImageInference, Runware${imports}

TASK = ${body}
${objects}
async def main():
    client = Runware(api_key=${key ? 'os.environ["INKSTONE_API_KEY"]' : '"none"'}, url="${socketOf(origin)}")
    await client.connect()
    for image in await client.imageInference(IImageInference(**TASK)):
        print(image.imageURL)

asyncio.run(main())`;
}

const socketOf = (origin: string): string => `${origin.replace(/^http/, "ws")}/v1`;
