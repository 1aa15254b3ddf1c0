import { request } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY } from "../../../test/contract/memory-app.ts";

const start = appsPerTest();

/** How the image URL begins in the reply to a request with these headers. */
async function imageUrlFor(base: string, headers: Record<string, string>): Promise<string> {
  const sent = { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers };
  const body = await new Promise<string>((resolve, reject) => {
    const posted = request(`${base}/v1`, { method: "POST", headers: sent }, (reply) => resolve(text(reply)));
    posted.on("error", reject);
    posted.end(JSON.stringify([inference()]));
  });
  return JSON.parse(body).data[0].imageURL.replace(/\/images\/.*/, "");
}

const PROXIED = { host: "10.0.0.5:7437", "x-forwarded-proto": "https, http", "x-forwarded-host": "pictures.example" };

test("image URLs begin with the host in the request", async () => {
  const { base } = await start();
  expect(await imageUrlFor(base, {})).toBe(base);
  expect(await imageUrlFor(base, { host: "studio.local:8080" })).toBe("http://studio.local:8080");
  expect(await imageUrlFor(base, { host: 'a"b' })).toBe(base);
});

test("the host from a proxy counts only if the operator allows it", async () => {
  const [wary, trusting] = [await start(), await start({ trustProxy: true })];
  expect(await imageUrlFor(wary.base, PROXIED)).toBe("http://10.0.0.5:7437");
  expect(await imageUrlFor(trusting.base, PROXIED)).toBe("https://pictures.example");
  expect(await imageUrlFor(trusting.base, { "x-forwarded-proto": "gopher", "x-forwarded-host": "a b" })).toBe(
    trusting.base,
  );
  expect(await imageUrlFor(trusting.base, { host: "a.example", "x-forwarded-proto": "https" })).toBe(
    "https://a.example",
  );
});

test("a public address has precedence", async () => {
  const { base } = await start({ trustProxy: true, publicUrl: "https://ink.example/api" });
  expect(await imageUrlFor(base, PROXIED)).toBe("https://ink.example/api");
});
