/** The server that the official clients are pointed at: the real one, on a tiny checkpoint with random weights. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pino } from "pino";
import { createServer, type ServerParts } from "../../src/server/server.ts";
import { readConfig } from "../../src/settings/read.ts";
import { TEST_DATABASES } from "../support/databases.ts";
import { startS3Server } from "../support/s3-server.ts";

export interface ContractServer {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  /** `http://127.0.0.1:PORT/v1` */
  readonly httpUrl: string;
  /** `ws://127.0.0.1:PORT/v1` */
  readonly socketUrl: string;
  readonly key: string;
  /** Its data folder. */
  readonly folder: string;
  /** Where the models are installed that it generates with. On machines it is in the worker's data folder. */
  readonly modelsFolder: string;
  stop(): Promise<void>;
}

const CHECKPOINT = resolve("test/fixtures/plain/checkpoint");

/** The card of the tiny checkpoint: large pictures are drawn small and enlarged, prices are those of the API page. */
const CARD = { air: "runware:108@1", name: "Qwen-Image, tiny", checkpoint: CHECKPOINT, maxPixels: 4096 };

/** Tiny editing checkpoints under the vendor's identifiers. */
const EDITING_CARDS = [
  { air: "runware:108@20", name: "Edit, tiny", checkpoint: resolve("test/fixtures/edit/checkpoint") },
  {
    air: "alibaba:qwen-image-edit@2511",
    name: "2511, tiny",
    checkpoint: resolve("test/fixtures/edit-plus/checkpoint"),
  },
];

/** Registers the tiny checkpoints in a data folder. */
export async function installModel(folder: string): Promise<void> {
  for (const [i, card] of [CARD, ...EDITING_CARDS].entries()) {
    const registration = join(folder, "models", i === 0 ? "tiny" : `tiny-edit-${i}`);
    await mkdir(registration, { recursive: true });
    await writeFile(join(registration, "card.json"), JSON.stringify({ ...card, maxPixels: 4096 }));
  }
}

/**
 * `npm run test:machines`, a part of `npm test`: each of these servers is then two, an API server and a worker, each with a separate data folder, on one
 * PostgreSQL and one bucket. The suites must not notice.
 */
const ON_MACHINES = process.env.INKSTONE_TEST_MACHINES === "1";

/** Starts a server in a folder of its own; `env` are settings as the environment would give them. */
export async function startContractServer(
  env: Record<string, string> = {},
  parts: ServerParts = {},
): Promise<ContractServer> {
  const shared = ON_MACHINES && env.INKSTONE_DATABASE_URL === undefined ? await openShared() : undefined;
  const key = "contract-key-of-some-length";
  const start = async (more: Record<string, string>) => {
    const folder = await mkdtemp(join(tmpdir(), "inkstone-contract-"));
    if (more.INKSTONE_ROLE !== "api") await installModel(folder);
    const own = { INKSTONE_PORT: "0", INKSTONE_DATA_DIR: folder, INKSTONE_API_KEYS: key };
    const config = readConfig({}, { ...own, ...shared?.env, ...env, ...more });
    const server = await createServer(config, { log: pino({ level: "silent" }), ...parts });
    const stop = async () => {
      await server.stop(0);
      await rm(folder, { recursive: true, force: true });
    };
    return { server, folder, stop };
  };
  const worker = shared && (await start({ INKSTONE_ROLE: "worker" }));
  const { server, folder, stop } = await start(shared ? { INKSTONE_ROLE: "api" } : {});
  return {
    base: server.address,
    httpUrl: `${server.address}/v1`,
    socketUrl: `${server.address.replace("http", "ws")}/v1`,
    key,
    folder,
    modelsFolder: join((worker ?? { folder }).folder, "models"),
    async stop() {
      await stop();
      await worker?.stop();
      await shared?.remove();
    },
  };
}

/** What machines share: a new database, a new bucket. */
async function openShared() {
  const database = await TEST_DATABASES.find(({ name }) => name === "postgres")!.open();
  const s3 = await startS3Server();
  return {
    env: {
      INKSTONE_DATABASE_URL: database.url!,
      INKSTONE_STORAGE: `s3://${s3.bucket}/ink`,
      INKSTONE_S3_ENDPOINT: s3.endpoint,
    },
    async remove() {
      await database.drop();
      await s3.remove();
    },
  };
}
