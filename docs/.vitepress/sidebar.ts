import type { DefaultTheme } from "vitepress";

const section = (text: string, pages: Readonly<Record<string, string>>): DefaultTheme.SidebarItem => ({
  text,
  collapsed: false,
  items: Object.entries(pages).map(([title, link]) => ({ text: title, link })),
});

/** The pages by reader, in reading order. */
export const sidebar: DefaultTheme.SidebarItem[] = [
  section("Start", {
    "Your first image": "/start/first-image",
    "Use the real model": "/start/real-model",
    "The page": "/start/page",
    "Questions and answers": "/faq",
    "Troubleshooting, by message": "/troubleshooting",
  }),
  section("For app developers", {
    "Use your client": "/apps/clients",
    "Tasks: requests and replies": "/apps/tasks",
    WebSocket: "/apps/websocket",
    "Async tasks and polling": "/apps/async",
    "Webhooks and uploads": "/apps/webhooks",
    "Errors and retries": "/apps/errors",
    "OpenAI's images API": "/apps/openai",
  }),
  section("For Node developers", { "The library": "/node/library" }),
  section("For operators", {
    systemd: "/operators/systemd",
    Containers: "/operators/containers",
    "Reverse proxies": "/operators/proxies",
    PostgreSQL: "/operators/postgresql",
    "Images and models in S3": "/operators/storage",
    "Backup and upgrade": "/operators/backup",
    Monitoring: "/operators/monitoring",
    Security: "/operators/security",
    "Choose a machine": "/operators/sizing",
    "Many machines": "/operators/scaling",
    GPUs: "/operators/gpu",
    "NVIDIA GPUs on Linux": "/operators/gpu-linux-nvidia",
    "AMD and Intel GPUs on Linux": "/operators/gpu-linux-vulkan",
    "GPUs on macOS": "/operators/gpu-macos",
    "GPUs on Windows": "/operators/gpu-windows",
  }),
  section("Guides", {
    Checkpoints: "/guides/checkpoints",
    "Start from an image": "/guides/starting-images",
    "Edit with reference images": "/guides/editing",
    "LoRAs, ControlNets, step caches": "/guides/adapters",
    Upscaling: "/guides/upscaling",
    "SVG files": "/guides/vectorizing",
    "Face refinement": "/guides/face-refinement",
    "Safety check": "/guides/safety",
  }),
  section("How it works", {
    Architecture: "/internals/architecture",
    Reliability: "/internals/reliability",
    Benchmarks: "/internals/benchmarks",
    Contributing: "/internals/contributing",
  }),
  section("Reference", {
    API: "/reference/api",
    Errors: "/reference/errors",
    Settings: "/reference/configuration",
    "Command line": "/reference/cli",
    Metrics: "/reference/metrics",
    Schedulers: "/reference/schedulers",
    Changelog: "/changelog",
  }),
];
