/** The real server with the stand-in engine, in a process that can be killed. Settings come from the environment. */

import { createServer } from "../../src/server/server.ts";
import { readConfig } from "../../src/settings/read.ts";
import { STAND_IN_ENGINE } from "../support/stand-in-model.ts";

const server = await createServer(readConfig({}, process.env), {
  engineProgram: STAND_IN_ENGINE,
}).catch((error: Error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(3);
});
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)));
process.send?.(server.address);
