/** Dependencies point one way: protocol and engine at the bottom, http, worker and cli on top (ARCHITECTURE.md). */
const only = (name, module, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: "^src/", pathNot: allowed },
  to: { path: module },
});
const folder = (name, allowed) => ({
  name: `${name}-imports`,
  comment: `src/${name} may import only ${allowed.length ? allowed.join(", ") : "nothing of ours"}`,
  severity: "error",
  from: { path: `^src/${name}/`, pathNot: "\\.test\\.ts$" },
  to: { path: "^src/", pathNot: [`^src/${name}/`, ...allowed.map((a) => `^src/${a}(/|\\.ts)`)] },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    folder("protocol", []),
    folder("engine", []),
    folder("images", []),
    folder("database", []),
    folder("net", []),
    folder("models", ["engine"]),
    folder("drawing", ["engine", "images", "models", "protocol"]),
    folder("lazy-process", []),
    folder("tensorflow", []),
    folder("safety", ["images", "lazy-process", "tensorflow"]),
    folder("faces", ["engine", "drawing", "images", "protocol", "lazy-process", "tensorflow"]),
    folder("finishing", ["engine", "drawing", "faces", "safety", "images", "protocol", "lazy-process"]),
    folder("guides", ["images", "lazy-process", "protocol"]),
    folder("storage", ["images", "protocol", "database", "net"]),
    folder("tasks", ["protocol", "database"]),
    folder("delivery", ["protocol", "database", "net", "tasks"]),
    folder("worker", [
      "protocol",
      "engine",
      "drawing",
      "finishing",
      "guides",
      "images",
      "models",
      "storage",
      "tasks",
      "net",
      "log",
    ]),
    folder("http", ["protocol", "tasks", "images", "models", "storage", "log", "metrics"]),
    only(
      "one-file-imports-onnxruntime",
      "onnxruntime-node",
      "^src/engine/runtime/session\\.ts$",
      "the one seam to ONNX Runtime",
    ),
    only(
      "one-file-imports-sharp",
      "node_modules/sharp",
      "^src/images/codec\\.ts$",
      "the one seam to the image library",
    ),
    only(
      "one-folder-talks-sql",
      "node_modules/(pg|@electric-sql)/",
      "^src/(database|tasks)/",
      "SQL stays in database/ and tasks/",
    ),
    only(
      "one-folder-opens-sockets",
      "node_modules/undici",
      "^src/net/",
      "outbound requests go through the guarded client",
    ),
  ],
  options: {
    // TypeScript 7 has no parser for others to use.
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"] },
  },
};
