/**
 * Models whose headers are made to be costly, fetched by modelUpload. Held to: 250 ms of the answering thread for each besides 15 ms for
 * a megabyte that is downloaded, piece by piece; an answer of less than 3 kB; others are answered within 250 ms meanwhile.
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { OTHER_KEY, onEachDatabase, post, type Victim } from "./victim.ts";

/** A safetensors file of this header and no data. */
function fileOf(header: string): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json]);
}

const tensors = (count: number, name = "t") => {
  const entries = Array.from(
    { length: count },
    (_, i) => `"${name}${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
  );
  return `{${entries.join(",")}}`;
};

const FILES: Readonly<Record<string, () => Buffer>> = {
  "89 MB of 1.5 M tensors": () => fileOf(tensors(1_500_000)),
  "a dtype of 60 MB": () => fileOf(`{"a":{"dtype":"${"x".repeat(60e6)}","shape":[0],"data_offsets":[0,0]}}`),
  "as many tensors as a header may hold": () => fileOf(tensors(130_000)),
  "a dtype as long as a header": () =>
    fileOf(`{"a":{"dtype":"${"x".repeat(7.9e6)}","shape":[0],"data_offsets":[0,0]}}`),
  "a name as long as a header": () => fileOf(tensors(1, "n".repeat(7.9e6))),
  "brackets as deep as a header": () => fileOf(`{"a":${"[".repeat(7.9e6)}`),
};

let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    response.end(Object.values(FILES)[Number(request.url!.slice(1))]!());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

onEachDatabase("headers of models", (start) => {
  let victim: Victim;
  beforeAll(async () => {
    victim = await start();
  });
  const upload = (name: string) => {
    const number = Object.keys(FILES).indexOf(name);
    const [taskUUID, air, downloadURL] = [crypto.randomUUID(), `me:costly${number}@1`, `${base}/${number}`];
    return { taskType: "modelUpload", taskUUID, category: "lora", air, name, downloadURL };
  };
  test.each(Object.keys(FILES))("%s", async (name) => {
    const task = upload(name);
    await victim.busyMs();
    const { text, body } = await post(victim.base, JSON.stringify([task]));
    const busy = await victim.busyMs();
    expect(body.errors).toMatchObject([{ parameter: "downloadURL" }]);
    expect(text.length).toBeLessThan(3_000);
    expect(busy).toBeLessThan(250 + 15 * (FILES[name]!().length / 1e6));
  });

  test("other requests are answered meanwhile", async () => {
    const tasks = Object.keys(FILES).map(upload);
    const waited = await whileOthersAsk(victim.base, OTHER_KEY, () => post(victim.base, JSON.stringify(tasks)));
    expect(waited.median).toBeLessThan(MOST_MS);
  });
});
