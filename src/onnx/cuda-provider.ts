import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The libraries that bring CUDA to ONNX Runtime, in the order it loads them from beside its own library. */
function providerFiles(): string[] {
  const binding = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const folder = join(binding, "bin", "napi-v6", process.platform, process.arch);
  const file = (name: string) => (process.platform === "win32" ? `${name}.dll` : `lib${name}.so`);
  return ["onnxruntime_providers_shared", "onnxruntime_providers_cuda"].map((name) => join(folder, file(name)));
}

/** Names a library of the CUDA provider that is missing; undefined when both exist. */
export function missingCudaLibrary(): string | undefined {
  const missing = providerFiles().find((file) => !existsSync(file));
  return missing && `${missing} is missing`;
}

/**
 * The reason why ONNX Runtime could not load the CUDA provider. It writes the reason to stderr only; its error says "Failed to load
 * shared library". So each library is loaded once more, and the loader's message names the missing file.
 */
export function cudaLoadProblem(): string {
  for (const file of providerFiles()) {
    try {
      process.dlopen({ exports: {} }, file);
    } catch (error) {
      const { message } = error as Error;
      // A library that is no addon of Node has been loaded by then.
      if (!message.includes("did not self-register")) return `${file} does not load: ${message.split("\n")[0]}`;
    }
  }
  return "its libraries load, but it does not start: the NVIDIA driver is missing, or too old for this version of CUDA";
}
