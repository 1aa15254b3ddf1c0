import { describe, expect, test } from "vitest";
import { planSize } from "./pixel-budget.ts";

describe("pixel budget", () => {
  test("without a budget, or within it, the size stays as requested", () => {
    expect(planSize({ width: 2048, height: 2048 })).toMatchObject({
      drawn: { width: 2048, height: 2048 },
      resampled: false,
    });
    expect(planSize({ width: 256, height: 256 }, 65536)).toMatchObject({ resampled: false });
  });

  test("above it, a note describes the effect", () => {
    expect(planSize({ width: 1024, height: 1024 }, 65536)).toEqual({
      asked: { width: 1024, height: 1024 },
      drawn: { width: 256, height: 256 },
      resampled: true,
      note: "1024×1024 is above this model's 65536 pixels: generated at 256×256, then enlarged to 1024×1024 (Lanczos)",
    });
  });

  test("keeps the exact aspect if the cost is small", () => {
    expect(planSize({ width: 1024, height: 1536 }, 65536).drawn).toEqual({ width: 192, height: 288 });
  });

  test("every size of the API: whole tokens, within budget, stretched by at most 5 %, using most of the pixels", () => {
    const sides = Array.from({ length: 121 }, (_, i) => 128 + 16 * i);
    let [stretch, share] = [0, 1];
    for (const width of sides) {
      for (const height of sides) {
        const { drawn, resampled } = planSize({ width, height }, 65_536);
        expect(resampled).toBe(width * height > 65_536);
        expect(drawn.width % 16 || drawn.height % 16).toBe(0);
        expect(drawn.width * drawn.height).toBeLessThanOrEqual(65_536);
        if (!resampled) continue;
        stretch = Math.max(stretch, Math.abs(Math.log((drawn.width * height) / (drawn.height * width))));
        share = Math.min(share, (drawn.width * drawn.height) / 65_536);
      }
    }
    expect(stretch).toBeLessThan(0.051);
    expect(share).toBeGreaterThan(0.65);
  });
});
