import { expect, test } from "vitest";
import { listenError, StartError } from "./start-error.ts";

const failed = (code: string) => Object.assign(new Error(`listen ${code}`), { code });

test("a privileged port gives an error with advice; an unknown error stays unchanged", () => {
  const port80 = listenError(failed("EACCES"), { host: "0.0.0.0", port: 80 });
  expect(port80).toBeInstanceOf(StartError);
  expect((port80 as Error).message).toMatch(/^port 80 of 0\.0\.0\.0 is not permitted: ports below 1024/);
  const other = failed("EMFILE");
  expect(listenError(other, { host: "0.0.0.0", port: 80 })).toBe(other);
});
