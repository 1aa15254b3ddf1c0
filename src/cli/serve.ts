import type { Command } from "commander";
import { ConfigError, describeSetting, readConfig, SETTINGS, type SettingName } from "../settings/index.ts";
import { banner } from "./banner.ts";
import { UsageError } from "./exit.ts";
import { reportToSystemd } from "./systemd.ts";
import { print, type Terminal, tell } from "./terminal.ts";

/** `inkstone serve`: the API until it is asked to stop. */
export function addServe(command: Command, terminal: Terminal): void {
  for (const setting of Object.values(SETTINGS)) {
    const { flag, shape, env } = setting;
    if (flag === undefined) continue;
    const { about, otherwise } = describeSetting(setting);
    command.option(`--${flag} <${shape}>`, `${about}${otherwise && ` (default: ${otherwise})`} [${env}]`);
  }
  command.addHelpText("after", secrets).action(async (given: Record<string, string>) => {
    const config = settings(given, terminal.env);
    const { createServer } = await import("../server/index.ts");
    terminal.signal.throwIfAborted();
    const server = await createServer(config, { signal: terminal.signal });
    terminal.onStopAgain(() => void server.stop(0));
    const isForPeople = terminal.stderr.isTTY && config.logFormat !== "json";
    if (!isForPeople) {
      for (const device of server.devices) if (device !== "cpu") tell(terminal, `drawing on ${device}`);
    }
    print(terminal, `inkstone listening on ${server.address}`);
    if (isForPeople) tell(terminal, await banner(config, server, terminal));
    await reportToSystemd("READY=1", terminal);
    await new Promise((resolve) => {
      if (terminal.signal.aborted) resolve(undefined);
      terminal.signal.addEventListener("abort", resolve, { once: true });
    });
    tell(terminal, "stopping; once more to stop at once");
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

function settings(given: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv) {
  const names = Object.entries(SETTINGS) as [SettingName, (typeof SETTINGS)[SettingName]][];
  const flags = names.flatMap(([name, { flag }]) => {
    const value = flag === undefined ? undefined : given[camelCase(flag)];
    return value === undefined ? [] : [[name, value] as const];
  });
  try {
    return readConfig(Object.fromEntries(flags), env);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

/** How commander names a flag. */
const camelCase = (flag: string): string => flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
