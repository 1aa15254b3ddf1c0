import { describeSetting, SETTING_GROUPS } from "../../src/settings/index.ts";
import type { Block } from "./blocks.ts";

/** The page of the settings. */
export function configurationReference(): Block[] {
  return [
    { heading: "Configuration", level: 1 },
    {
      text: "Settings of `inkstone serve`, by flag or environment variable; the flag wins. A value that cannot be used stops the start, with a message that says what is allowed; so does an `INKSTONE_…` variable that is none of these. Secrets have no flag: command lines can be read by others. A secret may also lie in a file, whose path is in the variable with `_FILE` at its end (`INKSTONE_API_KEYS_FILE=/run/secrets/keys`), or be a credential of systemd with the variable's name.",
    },
    ...Object.entries(SETTING_GROUPS).flatMap(([heading, settings]): Block[] => [
      { heading, level: 2 },
      {
        columns: ["environment", "flag", "value", "default", ""],
        rows: Object.values(settings).map((setting) => {
          const { about, otherwise } = describeSetting(setting);
          return {
            cells: [
              `\`${setting.env}\``,
              setting.flag === undefined ? "" : `\`--${setting.flag}\``,
              `\`${setting.shape}\``,
              otherwise && `\`${otherwise}\``,
              about,
            ],
          };
        }),
      },
    ]),
    { heading: "The data folder", level: 2 },
    {
      text: "One place for each user, wherever a command starts: `$XDG_DATA_HOME/inkstone` or `~/.local/share/inkstone`, on macOS `~/Library/Application Support/inkstone`, on Windows `%LOCALAPPDATA%\\inkstone`. `INKSTONE_DATA_DIR` or `--data-dir` names another one. `inkstone serve` logs which one it uses.",
    },
    {
      list: [
        "`database/`: the embedded database, when no PostgreSQL is set. One server at a time; a second one refuses to start.",
        "`images/`: results and uploads.",
        "Servers that share a PostgreSQL database need the same `images/`, and the same `models/` where models are uploaded, for instance on a network file system; or buckets: `INKSTONE_STORAGE` and `INKSTONE_MODELS_STORE`.",
        "`models/`: installed models, see `inkstone models`.",
        "`keys.json`: hashes of the keys made by `inkstone keys`.",
        "`webhook-secret`: the key that signs webhooks, unless one is set.",
      ],
    },
  ];
}
