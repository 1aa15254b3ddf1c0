/**
 * How CUDA is found, loaded and reported, without an NVIDIA GPU: stand-ins for the provider's libraries beside a copy of ONNX Runtime.
 * They are compiled here, so the test needs gcc.
 */

import { execFile, execFileSync } from "node:child_process";
import { cp, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const RUNTIME = "node_modules/onnxruntime-node";
const LIBRARIES = `${RUNTIME}/bin/napi-v6/linux/${process.arch}`;
const [SHARED, CUDA] = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

const compiler = process.platform === "linux" && hasCompiler();
const run = promisify(execFile);

function hasCompiler(): boolean {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

let folder: string; // of a copy of the program, beside a copy of ONNX Runtime
beforeAll(async () => {
  if (!compiler) return;
  folder = await mkdtemp(join(tmpdir(), "inkstone-cuda-"));
  await cp(join(root, "src"), join(folder, "src"), { recursive: true });
  await cp(join(root, "package.json"), join(folder, "package.json"));
  await mkdir(join(folder, "node_modules"));
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name !== "onnxruntime-node")
      await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  const ofOtherSystems = (path: string) => /napi-v6\/./.test(path) && !path.includes(`napi-v6/linux`);
  await cp(join(root, RUNTIME), join(folder, RUNTIME), {
    recursive: true,
    filter: (path) => !path.endsWith(".so.1") && !ofOtherSystems(path),
  });
  const library = join(LIBRARIES, "libonnxruntime.so.1");
  await link(join(root, library), join(folder, library)).catch(() => cp(join(root, library), join(folder, library)));
  await writeFile(
    join(folder, "open.ts"),
    `import { openDevice } from "./src/onnx/index.ts";
     const said = await openDevice(process.argv[2]).then(({ note }) => note, ({ name, message }) => name + ": " + message);
     console.log(said);`,
  );
});
afterAll(() => (folder ? rm(folder, { recursive: true }) : undefined));
beforeEach(async () => {
  for (const file of [SHARED, CUDA]) if (compiler) await rm(join(folder, LIBRARIES, file!), { force: true });
});

/** What `openDevice` says, in a process with that copy. */
async function opened(device: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run(process.execPath, ["open.ts", device], {
    cwd: folder,
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return stdout.trim();
}

/** Compiles C into a library beside ONNX Runtime, or to another place. */
async function library(file: string, code: string, ...options: string[]): Promise<void> {
  const source = join(folder, "library.c");
  await writeFile(source, code);
  await run("gcc", ["-shared", "-fPIC", "-o", file, source, ...options], { cwd: folder });
}
const beside = (file: string) => join(LIBRARIES, file);

/** As ONNX Runtime needs it: it hands its own functions over here. */
const shared = () => library(beside(SHARED!), "void Provider_SetHost(void *host) {}");

/**
 * A provider with the table of methods that ONNX Runtime 1.30 calls. It starts, gives no execution provider, as without a driver, and
 * is shut down. It writes down what is called.
 */
const PROVIDER = `
#include <stdio.h>
#include <stdlib.h>
static void say(const char *what) { FILE *file = fopen(getenv("CALLED"), "a"); fprintf(file, "%s\\n", what); fclose(file); }
static void *none(void **result) { say("execution provider wanted"); result[0] = result[1] = 0; return result; }
static void *start(void *self) { say("started"); return 0; }
static void *stop(void *self) { say("shut down"); return 0; }
static void *other(void *self) { say("something else"); return 0; }
static void *methods[16] = { none, none, other, other, other, other, start, stop, other, other };
static void **provider = methods;
void *GetProvider(void) { return &provider; }
`;

test.skipIf(!compiler)("a missing library is named, with the page on how to get it", async () => {
  expect(await opened("cuda:1")).toMatch(
    new RegExp(`^DeviceError: cuda:1 cannot be used: .*/${SHARED} is missing\\. .*docs/operators/gpu\\.md`),
  );
  await shared();
  expect(await opened("cuda")).toContain(`${CUDA} is missing`);
});

test.skipIf(!compiler)("a provider without its CUDA libraries: the reason from the loader", async () => {
  await shared();
  await library("libcudart.so.13", "int cudaRuntimeGetVersion(void) { return 0; }", "-Wl,-soname,libcudart.so.13");
  await library(
    beside(CUDA!),
    "int cudaRuntimeGetVersion(void); void *unused(void) { cudaRuntimeGetVersion(); return 0; }",
    ...["-L.", "-l:libcudart.so.13"],
  );
  expect(await opened("cuda")).toMatch(
    /^DeviceError: cuda cannot be used: .*providers_cuda\.so does not load: libcudart\.so\.13: cannot open shared object file/,
  );
  // With the folder in LD_LIBRARY_PATH it loads; what it lacks then is a provider.
  expect(await opened("cuda", { LD_LIBRARY_PATH: folder })).toContain("its libraries load, but it does not start");
});

test.skipIf(!compiler)("a file that is no library, as after a truncated download", async () => {
  await shared();
  await writeFile(join(folder, beside(CUDA!)), "<html>");
  expect(await opened("cuda")).toMatch(/providers_cuda\.so does not load: .*(file too short|invalid ELF header)/);
});

test.skipIf(!compiler)("a provider that loads is started; without a driver it is refused, also by `auto`", async () => {
  await shared();
  await library(beside(CUDA!), PROVIDER);
  const called = join(folder, "called");
  const refusal = "cuda cannot be used: its libraries load, but it does not start: the NVIDIA driver is missing";
  expect(await opened("cuda", { CALLED: called })).toContain(`DeviceError: ${refusal}`);
  expect(await readFile(called, "utf8")).toBe("started\nexecution provider wanted\nshut down\n");
  const noVulkan = { VK_DRIVER_FILES: "/none", VK_ICD_FILENAMES: "/none" };
  expect(await opened("auto", { CALLED: called, ...noVulkan })).toMatch(
    new RegExp(`^cpu: ${refusal}.*; webgpu cannot`),
  );
});
