import type { Block } from "../src/protocol/index.ts";
import { SETTINGS } from "../src/settings/settings.ts";

/** The page of the settings. */
export function configurationReference(): Block[] {
  return [
    { heading: "Configuration", level: 1 },
    {
      text: "Settings of `inkstone serve`, by flag or environment variable; the flag wins. A value that cannot be used stops the start, with a message that says what is allowed. Secrets have no flag: command lines can be read by others.",
    },
    {
      columns: ["environment", "flag", "value", "default", ""],
      rows: Object.values(SETTINGS).map(({ env, flag, shape, fallback, about }) => ({
        cells: [
          `\`${env}\``,
          flag === undefined ? "" : `\`--${flag}\``,
          `\`${shape}\``,
          fallback === undefined || String(fallback) === "" ? "" : `\`${fallback}\``,
          about,
        ],
      })),
    },
    { heading: "The data folder", level: 2 },
    {
      list: [
        "`database/`: the embedded database, when no PostgreSQL is set. One server at a time; a second one refuses to start.",
        "`images/`: results and uploads.",
        "Servers that share a PostgreSQL database need the same `images/`, and the same `models/` where models are uploaded, for instance on a network file system.",
        "`models/`: installed models, see `inkstone models`.",
        "`keys.json`: hashes of the keys made by `inkstone keys`.",
        "`webhook-secret`: the key that signs webhooks, unless one is set.",
      ],
    },
  ];
}
