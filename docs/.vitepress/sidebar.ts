import type { DefaultTheme } from "vitepress";

const section = (text: string, pages: Readonly<Record<string, string>>): DefaultTheme.SidebarItem => ({
  text,
  collapsed: false,
  items: Object.entries(pages).map(([title, link]) => ({ text: title, link })),
});

/** The pages by reader, in reading order. */
export const sidebar: DefaultTheme.SidebarItem[] = [
  section("Start", { "The page": "/start/page" }),
  section("For app developers", { "OpenAI's images API": "/apps/openai" }),
  section("For operators", {
    "Run a server": "/operators/operating",
    "Many machines": "/operators/scaling",
    GPUs: "/operators/gpu",
    Security: "/operators/security",
  }),
  section("Guides", {
    Checkpoints: "/guides/checkpoints",
    "Start from an image": "/guides/starting-images",
    "Edit with reference images": "/guides/editing",
    "LoRAs, ControlNets, step caches": "/guides/adapters",
    Upscaling: "/guides/upscaling",
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
    Schedulers: "/reference/schedulers",
    Changelog: "/changelog",
  }),
];
