/**
 * The server behind nginx and Caddy with the configurations of `deploy/`: TLS, large bodies, events as they happen, WebSockets, image
 * URLs under the public name. Needs both programs (Debian's `nginx-light` and `caddy`); without them each is skipped.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { Agent, fetch, WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ContractServer, startContractServer } from "../contract/server.ts";
import { freePort } from "../support/free-port.ts";

let folder: string;
let dispatcher: Agent;
const undone: Array<() => unknown> = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-proxies-"));
  await chmod(folder, 0o750);
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
    ],
    { stdio: "ignore" },
  );
  dispatcher = new Agent({ connect: { ca: await readFile(join(folder, "cert.pem")) } });
});
afterAll(async () => {
  for (const undo of undone.reverse()) await undo();
  await dispatcher.close();
  await rm(folder, { recursive: true, force: true });
});

/** nginx's workers are in this group, as docs/operators/proxies.md asks for a Unix socket. */
const GROUP = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();

/** Runs a program until the suite ends; what it says on stderr explains a failure. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env.PATH, ...env },
  });
  undone.push(() => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return child.exitCode === null && child.kill("SIGTERM") && ended;
  });
  return child;
}

/** Each: a configuration of `deploy/` with this machine's ports and certificate in place of the example's, and the program on it. */
const PROXIES = {
  async nginx(port: number, upstream: string) {
    const site = (await readFile("deploy/nginx.conf", "utf8"))
      .replace("server 127.0.0.1:7437;", `server ${upstream};`)
      .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replace("listen [::]:443 ssl;", "")
      .replace(/ssl_certificate .*;/, `ssl_certificate ${folder}/cert.pem;`)
      .replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${folder}/key.pem;`);
    await writeFile(
      join(folder, "nginx.conf"),
      `daemon off; worker_processes 1; user www-data ${GROUP}; pid ${folder}/nginx.pid; error_log stderr warn;
       events {}
       http {
         access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
         fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
         ${site}
       }`,
    );
    run("nginx", ["-c", join(folder, "nginx.conf"), "-e", "stderr"]);
  },
  async caddy(port: number, upstream: string) {
    const site = (await readFile("deploy/Caddyfile", "utf8"))
      .replace("images.example.com {", `https://localhost:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem`)
      .replace("127.0.0.1:7437", upstream);
    await writeFile(
      join(folder, "Caddyfile"),
      `{\n\tadmin off\n\tauto_https disable_redirects\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n${site}`,
    );
    run("caddy", ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")], {
      HOME: folder,
      XDG_DATA_HOME: folder,
    });
  },
};

/** How each names a Unix socket. */
const SOCKETS = { nginx: (path: string) => `unix:${path}`, caddy: (path: string) => `unix/${path}` };

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: replies are whatever the server sent
  readonly body: any;
}

const isInstalled = (program: string) => {
  try {
    execFileSync(program, [program === "caddy" ? "version" : "-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe.each(Object.keys(PROXIES) as (keyof typeof PROXIES)[])("behind %s", (name) => {
  const testBehind = test.skipIf(!isInstalled(name));
  let server: ContractServer;
  let base: string;
  const headers = () => ({ Authorization: `Bearer ${server.key}`, "Content-Type": "application/json" });
  const inference = (changes: object = {}) => ({
    taskType: "imageInference",
    taskUUID: randomUUID(),
    model: "runware:108@1",
    positivePrompt: 'A sign that says "TEA"',
    width: 128,
    height: 128,
    steps: 4,
    ...changes,
  });
  async function post(tasks: readonly object[], init: object = { headers: headers() }): Promise<Reply> {
    const reply = await fetch(`${base}/v1`, { method: "POST", body: JSON.stringify(tasks), dispatcher, ...init });
    return { status: reply.status, body: await reply.json() };
  }

  beforeAll(async () => {
    if (!isInstalled(name)) return;
    const port = await freePort();
    base = `https://localhost:${port}`;
    server = await startContractServer({ INKSTONE_PUBLIC_URL: base });
    undone.push(() => server.stop());
    await PROXIES[name](port, new URL(server.base).host);
    const isReady = () =>
      fetch(`${base}/readyz`, { dispatcher }).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isReady())) await sleep(50);
  });

  testBehind("requests without a key are refused", async () => {
    const { status, body } = await post([inference()], { headers: { "Content-Type": "application/json" } });
    expect(status).toBe(401);
    expect(body.errors[0].code).toBe("missingApiKey");
  });

  testBehind("an image is generated, and its URL has the public name", async () => {
    const { body } = await post([inference()]);
    expect(body.data[0].imageURL).toMatch(new RegExp(`^${base}/images/`));
    const image = await fetch(body.data[0].imageURL, { dispatcher });
    const { width } = await sharp(Buffer.from(await image.arrayBuffer())).metadata();
    expect(width).toBe(128);
  });

  testBehind("an image of 27 MB passes", async () => {
    const raw = { width: 3000, height: 3000, channels: 3 } as const;
    const png = await sharp(randomBytes(raw.width * raw.height * raw.channels), { raw })
      .png({ compressionLevel: 0 })
      .toBuffer();
    const image = `data:image/png;base64,${png.toString("base64")}`;
    const { body } = await post([{ taskType: "imageUpload", taskUUID: randomUUID(), image }]);
    expect(body.data?.[0]?.imageUUID, JSON.stringify(body.errors)).toMatch(/^[0-9a-f-]{36}$/);
  });

  testBehind("events pass during generation", async () => {
    const task = inference({ steps: 40, numberResults: 4, deliveryMethod: "async" });
    await post([task]);
    const events = await fetch(`${base}/v1/tasks/${task.taskUUID}/events`, { headers: headers(), dispatcher });
    const chunks: string[] = [];
    for await (const chunk of events.body!) chunks.push(Buffer.from(chunk).toString());
    expect(chunks[0]).not.toContain("event: final");
    expect(chunks.join("")).toContain("event: final");
  });

  testBehind("over a Unix socket: requests without a key are refused, with one an image is generated", async () => {
    const port = await freePort();
    const path = join(folder, `${name}.socket`);
    const behind = `https://localhost:${port}`;
    const other = await startContractServer({ INKSTONE_HOST: `unix:${path}`, INKSTONE_PUBLIC_URL: behind });
    undone.push(() => other.stop());
    await PROXIES[name](port, SOCKETS[name](path));
    const send = async (authorization: object) => {
      const all = { "Content-Type": "application/json", ...authorization };
      return fetch(`${behind}/v1`, { method: "POST", body: JSON.stringify([inference()]), dispatcher, headers: all });
    };
    await expect
      .poll(
        () =>
          send({}).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 60_000 },
      )
      .toBe(401);
    const drawn = await send({ Authorization: `Bearer ${other.key}` });
    expect(await drawn.text()).toContain(`"imageURL":"${behind}/images/`);
  });

  testBehind("a WebSocket generates", async () => {
    const socket = new WebSocket(`${base.replace("https", "wss")}/v1`, { dispatcher });
    const frames: string[] = [];
    socket.addEventListener("message", ({ data }) => frames.push(String(data)));
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    socket.send(JSON.stringify([{ taskType: "authentication", apiKey: server.key }]));
    await expect.poll(() => frames.length, { timeout: 60_000 }).toBe(1);
    socket.send(JSON.stringify([inference()]));
    await expect.poll(() => frames.join(""), { timeout: 120_000 }).toContain(`"imageURL":"${base}/images/`);
    socket.close();
  });
});
