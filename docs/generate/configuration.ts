import { describeSetting, SETTING_GROUPS } from "../../src/settings/index.ts";
import type { Block } from "./blocks.ts";

/** The page of the settings. */
export function configurationReference(): Block[] {
  return [
    { heading: "Configuration", level: 1 },
    {
      text: "Set `inkstone serve` by flag or environment variable. The flag wins. An invalid value stops the start with a message that lists the allowed values. So does an unknown `INKSTONE_…` variable.",
    },
    {
      text: "Secrets have no flag, because other users can read command lines. A secret can be in a file: put its path in the variable with `_FILE` appended, such as `INKSTONE_API_KEYS_FILE=/run/secrets/keys`. It can also be a credential of systemd with the variable's name.",
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
      text: "Each user has one data folder. `INKSTONE_DATA_DIR` or `--data-dir` selects another one. `inkstone serve` logs the folder that it uses.",
    },
    {
      list: [
        "Linux: `$XDG_DATA_HOME/inkstone` or `~/.local/share/inkstone`.",
        "macOS: `~/Library/Application Support/inkstone`.",
        "Windows: `%LOCALAPPDATA%\\inkstone`.",
      ],
    },
    { text: "It contains:" },
    {
      list: [
        "`database/`: the embedded database, unless you use PostgreSQL. One server per folder: a second one refuses to start.",
        "`images/`: results and uploads.",
        "`models/`: installed models, see `inkstone models`.",
        "`keys.json`: hashes of the keys of `inkstone keys`.",
        "`webhook-secret`: the secret that signs webhooks, unless you set one.",
      ],
    },
    {
      text: "Servers on one PostgreSQL database need the same `images/` folder, or a bucket (`INKSTONE_STORAGE`). If clients upload models, they need the same `models/` too, or `INKSTONE_MODELS_STORE`.",
    },
  ];
}
