import { afterEach } from "vitest";
import { type MemoryApp, startMemoryApp } from "./memory-app.ts";

/** Starts applications like `startMemoryApp`, and closes them after the test. To be called at the top of a test file. */
export function appsPerTest(): typeof startMemoryApp {
  const started: MemoryApp[] = [];
  afterEach(async () => {
    for (const { app } of started.splice(0)) await app.close();
  });
  return async (...options) => {
    const app = await startMemoryApp(...options);
    started.push(app);
    return app;
  };
}
