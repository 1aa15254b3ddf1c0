/** Dependencies point one way: onnx, pictures and protocol at the bottom, server and cli on top (ARCHITECTURE.md). */
const folder = (name, allowed) => ({
  name: `${name}-imports`,
  comment: `src/${name} may import only ${allowed.length ? allowed.join(", ") : "nothing of ours"}`,
  severity: "error",
  from: { path: `^src/${name}/`, pathNot: "\\.test\\.ts$" },
  to: { path: "^src/", pathNot: [`^src/${name}/`, ...allowed.map((a) => `^src/${a}(/|\\.ts$)`)] },
});
const only = (name, module, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: "^src/", pathNot: allowed },
  to: { path: module },
});
/** Folders with a public face: others enter by their index.ts. */
const rooms = [
  "fields",
  "buckets",
  "weights",
  "settings",
  "onnx",
  "engine",
  "pictures",
  "drawing",
  "protocol",
  "models",
  "server",
];
/** Parts of the registry that few commands load. */
const modelDoors = "^src/models/(hub|import|install|shared)/index\\.ts$";
const wings = ["tracing", "database", "tasks", "worker", "delivery", "storage", "net", "http"];

/** swc reads JSX only when told to, and dependency-cruiser does not tell it. */
const swc = require("@swc/core");
const { parseFileSync } = swc;
swc.parseFileSync = (file, options) => parseFileSync(file, { ...options, tsx: file.endsWith(".tsx") });

/** The page: the API below, then the state, then what is shown; screens know nothing of each other. */
const pageFolder = (name, allowed) => ({
  name: `page-${name}-imports`,
  comment: `web/${name} may import only ${allowed.length ? allowed.join(", ") : "nothing else of the page"}`,
  severity: "error",
  from: { path: `^web/${name}/`, pathNot: "\\.test\\.ts$" },
  to: { path: "^web/", pathNot: [`^web/${name}/`, ...allowed.map((a) => `^web/${a}`)] },
});

module.exports = {
  forbidden: [
    {
      name: "page-speaks-the-api-only",
      severity: "error",
      from: { path: "^web/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/" },
    },
    { name: "nothing-needs-the-page", severity: "error", from: { path: "^src/" }, to: { path: "^web/" } },
    {
      name: "screens-stand-alone",
      severity: "error",
      from: { path: "^web/screens/([^/]+)/" },
      to: { path: "^web/screens/", pathNot: "^web/screens/$1/" },
    },
    pageFolder("api", []),
    pageFolder("prompt", []),
    pageFolder("mask", []),
    pageFolder("metadata", ["api/"]),
    pageFolder("state", ["api/", "prompt/", "mask/", "text/"]),
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    folder("weights", []),
    folder("buckets", []),
    folder("onnx", ["weights"]),
    folder("pictures", []),
    folder("fields", []),
    folder("protocol", ["fields"]),
    folder("engine", ["weights", "onnx", "pictures", "bundled"]),
    folder("models", ["buckets", "weights", "onnx", "engine", "protocol", "pictures", "bundled", "disk-error"]),
    folder("drawing", ["weights", "onnx", "engine", "models", "pictures", "protocol", "settings"]),
    folder("settings", ["engine", "fields"]),
    folder("server", [
      "buckets",
      "settings",
      "fields",
      "onnx",
      "engine",
      "models",
      "pictures",
      "protocol",
      "drawing",
      "version",
      "disk-error",
    ]),
    folder("server/database", []),
    folder("server/net", []),
    folder("server/tasks", ["server/database", "protocol"]),
    folder("server/storage", ["buckets", "server/database", "server/net", "pictures", "protocol"]),
    folder("server/tracing", ["settings", "version"]),
    folder("server/delivery", [
      "server/database",
      "server/net",
      "server/tasks",
      "server/tracing",
      "server/log",
      "protocol",
    ]),
    folder("server/http", [
      "server/database",
      "server/tasks",
      "server/storage",
      "server/tracing",
      "server/log",
      "models",
      "pictures",
      "fields",
      "protocol",
      "version",
    ]),
    folder("server/worker", [
      "server/database",
      "server/net",
      "server/storage",
      "server/tasks",
      "server/tracing",
      "server/log",
      "drawing",
      "engine",
      "models",
      "pictures",
      "protocol",
      "disk-error",
    ]),
    {
      name: "in-by-the-door",
      comment: "a folder's index.ts is its public face and the only file of it that others import",
      severity: "error",
      from: { path: `^src/(${rooms.join("|")})/`, pathNot: "\\.test\\.ts$" },
      to: { path: `^src/(${rooms.join("|")})/`, pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$", modelDoors] },
    },
    {
      name: "in-by-the-door-from-outside",
      comment:
        "the command line and the library come in by index.ts too; the parts of the registry that few commands load have separate doors",
      severity: "error",
      from: { path: "^src/(cli/|[^/]+\\.ts$)", pathNot: "\\.test\\.ts$" },
      to: { path: `^src/(${rooms.join("|")})/`, pathNot: ["^src/[^/]+/index\\.ts$", modelDoors] },
    },
    {
      name: "in-by-the-door-in-the-server",
      comment: "a folder's index.ts is its public face and the only file of it that others import",
      severity: "error",
      from: { path: `^src/server/(${wings.join("|")})/`, pathNot: "\\.test\\.ts$" },
      to: { path: `^src/server/(${wings.join("|")})/`, pathNot: ["^src/server/$1/", "^src/server/[^/]+/index\\.ts$"] },
    },
    only("one-file-imports-onnxruntime", "onnxruntime-node", "^src/onnx/session\\.ts$", "the one seam to ONNX Runtime"),
    only(
      "one-file-imports-sharp",
      "node_modules/sharp",
      "^src/pictures/codec\\.ts$",
      "the one seam to the image library",
    ),
    only(
      "one-file-imports-the-tracer",
      "node_modules/@neplex/",
      "^src/drawing/process/trace-child\\.ts$",
      "tracing runs in a process that can be ended",
    ),
    only(
      "one-folder-talks-sql",
      "node_modules/(pg|@electric-sql)/",
      "^src/server/(database|tasks)/",
      "SQL stays in database/ and tasks/",
    ),
    only(
      "one-folder-talks-to-the-hub",
      "node_modules/@huggingface/hub",
      "^src/models/hub/",
      "repositories come by src/models/hub",
    ),
    only(
      "one-folder-opens-sockets",
      "node_modules/undici",
      "^src/server/net/",
      "outbound requests go through the guarded client",
    ),
  ],
  options: {
    // TypeScript 7 has no parser for others to use.
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^web/dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"] },
  },
};
