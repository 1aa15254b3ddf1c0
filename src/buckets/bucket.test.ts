import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BucketUnavailableError, bucketLocation, openBucket } from "./index.ts";

/** What a bucket is asked, and a server that answers. (A real one: `test/contract/s3.test.ts`.) */
let server: Server;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "a");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "b");
  asked = [];
  answer = (_, response) => response.end();
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
});

const open = (place: string) =>
  openBucket(
    bucketLocation(place, {
      s3Endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      s3PathStyle: "auto",
    }),
  );
const fail = (response: ServerResponse, status: number, code: string) =>
  response.writeHead(status).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);

test.each([
  ["s3://pictures", "pictures", ""],
  ["s3://pictures/", "pictures", ""],
  ["s3://my.pictures/a/b/", "my.pictures", "a/b"],
])("%s is the bucket %s with the prefix %j", (place, bucket, prefix) => {
  expect(bucketLocation(place, { s3PathStyle: "auto" })).toMatchObject({ bucket, prefix, pathStyle: undefined });
  expect(bucketLocation(place, { s3PathStyle: "false" }).pathStyle).toBe(false);
});

test("keys are below the prefix, which can contain the path of a server", async () => {
  const bucket = await open("s3://pictures/studio/one");
  await bucket.put("a.png", Buffer.from("a"));
  await bucket.delete("a.png");
  expect(asked.map((line) => line.replace(/\?.*/, ""))).toEqual([
    "HEAD /pictures/",
    "PUT /pictures/studio/one/a.png",
    "DELETE /pictures/studio/one/a.png",
  ]);
});

test("a missing object reads as undefined; a forbidden one is an outage that names the operation", async () => {
  const bucket = await open("s3://pictures");
  answer = (_, response) => fail(response, 404, "NoSuchKey");
  expect(await bucket.get("none")).toBeUndefined();
  expect(await bucket.open("none")).toBeUndefined();
  answer = (_, response) => fail(response, 403, "AccessDenied");
  await expect(bucket.get("shut")).rejects.toThrow(BucketUnavailableError);
  await expect(bucket.get("shut")).rejects.toThrow(/^cannot read shut: AccessDenied/);
});

test("a missing bucket is reported when it is opened", async () => {
  answer = (_, response) => response.writeHead(404).end();
  await expect(open("s3://nowhere")).rejects.toThrow(/^cannot use the bucket nowhere: /);
});

test("all objects are listed, page by page, with the keys that they were stored under", async () => {
  const bucket = await open("s3://pictures/studio");
  const page = (keys: readonly string[], next?: string) =>
    `<ListBucketResult>${keys
      .map((key) => `<Contents><Key>studio/${key}</Key><Size>7</Size></Contents>`)
      .join(
        "",
      )}${next ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>` : ""}</ListBucketResult>`;
  answer = ({ url = "" }, response) =>
    response.end(url.includes("continuation-token=more") ? page(["c"]) : page(["a", "b"], "more"));
  const keys: string[] = [];
  for await (const { key, length } of bucket.list("")) keys.push(`${key} ${length}`);
  expect(keys).toEqual(["a 7", "b 7", "c 7"]);
  expect(asked.slice(1).every((line) => line.includes("prefix=studio%2F"))).toBe(true);
});
