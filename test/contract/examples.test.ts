/** The four requests of the API page, answered with the sizes, seeds and costs that it states. */

import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readHeader } from "../../src/pictures/index.ts";
import { post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const folder = new URL("examples/", import.meta.url);
const names = (await readdir(folder)).sort();
const examples = await Promise.all(
  names.map(async (name) => ({ name, ...JSON.parse(await readFile(new URL(name, folder), "utf8")) })),
);

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server?.stop());

test("there are four examples", () => expect(examples).toHaveLength(4));

describe.each(examples)("$title", ({ request, response }) => {
  test("size, seed and cost", async () => {
    const task = { ...request, includeCost: true };
    const { status, body } = await post(server.base, [task], { key: server.key });
    expect(status).toBe(200);
    expect(body.data).toEqual([
      {
        ...response,
        imageUUID: expect.stringMatching(/^[0-9a-f-]{36}$/),
        imageURL: `${server.base}/images/${body.data[0].imageUUID}.jpg`,
      },
    ]);
    const file = await fetch(body.data[0].imageURL);
    const header = await readHeader(new Uint8Array(await file.arrayBuffer()));
    expect(header).toMatchObject({ format: "JPG", width: request.width, height: request.height });
  });
});
