import { homedir } from "node:os";
import { dataDirectory, findModel, modelLocations } from "../models/index.ts";
import type { Server } from "../server/index.ts";
import type { Config } from "../settings/index.ts";
import { software } from "../version.ts";
import type { Terminal } from "./terminal.ts";

/** The lines that `serve` prints on a terminal: the addresses of the page and the API, the devices, the folders. */
export async function banner(config: Config, { address, devices }: Server, { env }: Terminal): Promise<string> {
  const folder = dataDirectory(env, config.dataDir);
  const locations = modelLocations({ ...env, INKSTONE_MODELS_DIR: config.modelsDir }, folder);
  const model = await findModel("runware:108@1", locations).then(
    ({ card }) => `${card.name} (${[card.air, ...card.aliases].join(", ")})`,
    (error: Error) => error.message,
  );
  // An address that means all interfaces cannot be opened in a browser.
  const base = config.publicUrl ?? address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  const rows = {
    page: `${base}/`,
    API: `${base}/v1, documented at ${base}/docs`,
    model,
    device: devices.join(", ") || "none in this process",
    folder: folder.startsWith(`${homedir()}/`) ? folder.replace(homedir(), "~") : folder,
  };
  const lines = Object.entries(rows).map(([name, value]) => `  ${name.padEnd(8)}${value}`);
  return [software, ...lines, "  Ctrl-C stops it."].join("\n");
}
