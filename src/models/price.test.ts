import { describe, expect, test } from "vitest";
import { parseCard } from "./card.ts";
import { costPerPicture } from "./price.ts";

const { price } = parseCard({ air: "runware:108@1", name: "Qwen-Image" }, "test");

describe("cost", () => {
  // The four requests with published answers on the API page.
  test.each([
    ["artisan bakery", 1024, 768, 28, 0.0058],
    ["night market", 1024, 768, 30, 0.0058],
    ["tea packaging", 1024, 1024, 30, 0.0077],
    ["opera mural", 1024, 1536, 30, 0.0128],
  ])("%s, %i×%i in %i steps", (_name, width, height, steps, cost) => {
    expect(costPerPicture(price, { width, height, steps })).toBe(cost);
  });

  test("grows with size and steps, and has four decimals", () => {
    let last = 0;
    for (const side of [128, 256, 512, 1024, 2048]) {
      const cost = costPerPicture(price, { width: side, height: side, steps: 50 });
      expect(cost).toBeGreaterThanOrEqual(last);
      expect(cost).toBe(Number(cost.toFixed(4)));
      last = cost;
    }
  });
});
