import type { Command } from "commander";
import { describeSetting, SETTINGS } from "../settings/index.ts";
import { banner } from "./banner.ts";
import { FLAGGED, settingsFrom, withSettings } from "./setting-flags.ts";
import { reportToSystemd } from "./systemd.ts";
import { print, type Terminal, tell } from "./terminal.ts";

/** `inkstone serve`: runs the API until it receives a signal. */
export function addServe(command: Command, terminal: Terminal): void {
  withSettings(command, ...FLAGGED);
  command.addHelpText("after", secrets).action(async (given: Record<string, string>) => {
    const config = settingsFrom(given, FLAGGED, terminal.env);
    const { createServer } = await import("../server/index.ts");
    terminal.signal.throwIfAborted();
    const server = await createServer(config, { signal: terminal.signal });
    terminal.onStopAgain(() => void server.stop(0));
    const isForPeople = terminal.stderr.isTTY && config.logFormat !== "json";
    if (!isForPeople) {
      for (const device of server.devices) if (device !== "cpu") tell(terminal, `generating on ${device}`);
    }
    print(terminal, `inkstone listening on ${server.address}`);
    if (isForPeople) tell(terminal, await banner(config, server, terminal));
    await reportToSystemd("READY=1", terminal);
    await new Promise((resolve) => {
      if (terminal.signal.aborted) resolve(undefined);
      terminal.signal.addEventListener("abort", resolve, { once: true });
    });
    tell(terminal, "stopping; signal again to stop at once");
    await reportToSystemd("STOPPING=1", terminal);
    await server.stop();
  });
}

const secrets = `
Secrets are read from the environment only:
${Object.values(SETTINGS)
  .filter(({ flag }) => flag === undefined)
  .map((setting) => `  ${setting.env}  ${describeSetting(setting).about}`)
  .join("\n")}`;
