import { expect, test } from "vitest";
import { sniff } from "./sniff.ts";
import { readSvg, svgFile } from "./svg.ts";

const shapes = { width: 2, height: 2, paths: '<path d="M0 0 L2 0 L2 2 Z" fill="#FF0000"/>\n' };
const metadata = { software: "inkstone 1", parameters: { taskType: "vectorize", note: '</metadata><script>&"' } };

test("contains size, metadata and paths, and can be read again", () => {
  const bytes = svgFile(shapes, { width: 200, height: 100, metadata });
  const text = Buffer.from(bytes).toString();
  expect(text).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="200"/,
  );
  expect(text).toContain('viewBox="0 0 2 2"');
  expect(text.match(/<script/)).toBeNull();
  expect(text.endsWith(`${shapes.paths}</svg>\n`)).toBe(true);
  expect(readSvg(bytes)).toEqual({ width: 200, height: 100, metadata });
  expect(sniff(bytes)).toEqual({ supported: false, found: "SVG" });
});

test.each(["", "<svg/>", '<?xml version="1.0"?><svg width="1" height="1"><metadata></metadata></svg>', "\x89PNG"])(
  "%j is not an SVG file of Inkstone",
  (text) => expect(readSvg(Buffer.from(text))).toBeUndefined(),
);
