import { afterAll, describe, expect, test, vi } from "vitest";
import { type Device, EXACT } from "./device.ts";
import { Graph, NO_WEIGHTS } from "./graph.ts";
import { type AnyTensor, createSession, type Feeds, type HostTensor, isOnDevice } from "./session.ts";
import { transfers } from "./transfers.ts";

vi.setConfig({ testTimeout: 120_000 });

const x = (first: number): HostTensor => ({ data: Float32Array.of(first, 2, 3, 4, 5, 6), dims: [2, 3] });

test("on the processor, tensors stay unchanged", async () => {
  const moved = transfers(EXACT);
  const feeds = { x: x(1) };
  expect(await moved.upload(feeds)).toBe(feeds);
  expect(await moved.download(feeds.x)).toBe(feeds.x);
  await moved.dispose();
});

const driver = process.env.INKSTONE_TEST_WEBGPU;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

describe.skipIf(driver === undefined)("on WebGPU", () => {
  const device: Device = { ...EXACT, provider: "webgpu" };
  const moved = transfers(device);
  afterAll(() => moved.dispose());

  const doubling = (stays: boolean) => {
    const g = new Graph("doubling", NO_WEIGHTS, undefined, device);
    const y = g.op("Mul", [g.input("x", ["A", "B"]), g.scalar(2)]);
    if (stays) g.outputOnDevice("y", y, ["A", "B"]);
    else g.output("y", y, ["A", "B"]);
    return createSession(g.build(), { device });
  };

  test("outputs that one graph leaves on the device are inputs of the next, and can be read back", async () => {
    const [first, second] = [await doubling(true), await doubling(false)];
    const { y } = await first.run<AnyTensor>({ x: x(1) });
    expect([isOnDevice(y!), y!.dims]).toEqual([true, [2, 3]]);
    const onHost = await second.run({ x: y! });
    expect([...onHost.y!.data]).toEqual([4, 8, 12, 16, 20, 24]);
    expect([...(await moved.download(y!)).data]).toEqual([2, 4, 6, 8, 10, 12]);
    await first.release();
    await second.release();
  });

  test("an input that every pass reads is uploaded once, and freed when no pass reads it", async () => {
    const prompt = x(7);
    const held = (feeds: Feeds) => {
      const { x } = feeds;
      if (!isOnDevice(x!)) throw new Error("it is on the host");
      return x.held;
    };
    const first = held(await moved.upload({ x: prompt }));
    expect(held(await moved.upload({ x: prompt }))).toBe(first);
    expect(first.location).toBe("gpu-buffer");
    for (let pass = 0; pass < 8; pass++) {
      moved.beginPass();
      await moved.upload({ x: x(pass) });
    }
    expect(first.location).toBe("none");
    expect(held(await moved.upload({ x: prompt }))).not.toBe(first);
    const session = await doubling(false);
    expect([...(await session.run(await moved.upload({ x: prompt }))).y!.data]).toEqual([14, 4, 6, 8, 10, 12]);
    await session.release();
  });

  test("integers stay on the host", async () => {
    const clean = { data: BigInt64Array.of(0n, 1n), dims: [2] };
    expect((await moved.upload({ clean })).clean).toBe(clean);
  });
});
