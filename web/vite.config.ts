import { defineConfig } from "vite";

/** The page: one HTML file, hashed assets, nothing inlined (the Content-Security-Policy allows no inline code or style). */
export default defineConfig({
  root: import.meta.dirname,
  base: "/",
  publicDir: false,
  logLevel: "warn",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
});
