/** The part of the Hugging Face hub's API that downloads use, on the loopback interface. */

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface StandInHub {
  readonly url: string;
  /** Ranges that were asked for beyond the first byte, by path. */
  readonly asked: string[];
  /** Answers are cut after so many bytes, as often as the number says. */
  cuts: number;
  /** Statuses of the next answers to what is asked for beyond the first byte, instead of bytes. */
  refusals: number[];
  /** Paths that are listed, but always refused. */
  readonly refuse: Set<string>;
  /** Lists its files, but gives none. */
  gated: boolean;
  /** Sends other bytes than promised. */
  lies: boolean;
  close(): void;
}

const CUT_AFTER = 1000;

type Files = Readonly<Record<string, Uint8Array>>;

/**
 * @param main files of the repository `me/model`, by path; those ending in .safetensors count as large files
 * @param others files of other revisions
 */
export async function startHub(main: Files, others: Readonly<Record<string, Files>> = {}): Promise<StandInHub> {
  const revisions: Readonly<Record<string, Files>> = { main, ...others };
  const asked: string[] = [];
  const refuse = new Set<string>();
  const state = { cuts: 0, refusals: [] as number[], gated: false, lies: false };
  const server = createServer(({ url = "", headers }, response) => {
    const { pathname } = new URL(url, "http://hub");
    const [, place, revision = "", path = ""] =
      /^\/(api\/models\/me\/model\/tree|me\/model\/resolve)\/([^/]+)\/?(.*)$/.exec(pathname) ?? [];
    const files = revisions[revision] ?? {};
    if (place?.startsWith("api")) {
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify(Object.entries(files).map(([path, bytes]) => entry(path, bytes))));
    }
    const bytes = files[path];
    if (!bytes) return response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    if (state.gated || refuse.has(path)) return response.writeHead(403).end();
    const [, from = "0", to = `${bytes.length - 1}`] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
    const piece = Buffer.from(bytes.subarray(Number(from), Number(to) + 1));
    if (to !== "0") asked.push(`${path} ${from}`);
    const refusal = to === "0" ? undefined : state.refusals.shift();
    if (refusal !== undefined) return response.writeHead(refusal).end();
    if (state.lies && to !== "0") piece.fill(1);
    const status = headers.range === undefined ? 200 : 206;
    const range = `bytes ${from}-${Number(from) + piece.length - 1}/${bytes.length}`;
    response.writeHead(status, { etag: '"x"', "content-length": piece.length, "content-range": range });
    if (state.cuts === 0 || piece.length <= CUT_AFTER) return response.end(piece);
    state.cuts--;
    response.write(piece.subarray(0, CUT_AFTER), () => setTimeout(() => response.destroy(), 50));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, { url, asked, refuse, close: () => void server.close() });
}

function entry(path: string, bytes: Uint8Array) {
  const oid = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const lfs = { oid: createHash("sha256").update(bytes).digest("hex"), size: bytes.length, pointerSize: 130 };
  return { type: "file", path, size: bytes.length, oid, ...(path.endsWith(".safetensors") && { lfs }) };
}
