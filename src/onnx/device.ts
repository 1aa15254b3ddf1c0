/** What a graph has to know of the processor that will run it. */
export interface Device {
  /**
   * Bits of an activation in integer products. Processors of the x64 family without VNNI add pairs of 8 × 8 bit products in
   * 16 bits: 255 · 127 · 2 does not fit and is cut off silently, 127 · 127 · 2 does.
   */
  readonly activationBits: 8 | 7;
}

/** A processor whose integer products are exact: x64 with VNNI or AMX, ARM. */
export const EXACT: Device = { activationBits: 8 };
