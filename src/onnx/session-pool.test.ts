import { beforeEach, expect, test, vi } from "vitest";
import type { Weights } from "../weights/weights.ts";
import { type BuiltGraph, Graph } from "./graph.ts";
import { type SessionPool, sessionPool } from "./session-pool.ts";

/** Sessions opened and released, in order. */
const events = vi.hoisted(() => [] as string[]);
vi.mock("./session.ts", async (original) => {
  const real = await original<typeof import("./session.ts")>();
  const createSession: typeof real.createSession = async (graph, options) => {
    events.push(`open ${graph.name}`);
    const session = await real.createSession(graph, options);
    const release = async () => {
      await session.release();
      events.push(`released ${graph.name}`);
    };
    return { ...session, release };
  };
  return { ...real, createSession };
});

const x = { data: Float32Array.of(1), dims: [1] };
/** Two of the graphs below do not fit. */
const LIMIT = 4 * 100;

let pool: SessionPool;
let built: string[];
beforeEach(() => {
  pool = sessionPool(LIMIT);
  built = [];
  events.length = 0;
});

/** A graph that claims to read 60 numbers. */
function graph(name: string): BuiltGraph {
  built.push(name);
  const g = new Graph(name, {} as Weights);
  g.output("y", g.op("Neg", [g.input("x", [1])]), [1]);
  return { ...g.build(), copied: () => 240 };
}

const run = (name: string) => pool.run(name, "whole", () => graph(name), { x });

test("the least recently used sessions are freed for room", async () => {
  for (const name of ["a", "a", "b", "b", "a"]) await run(name);
  expect(built).toEqual(["a", "b", "a"]);
});

test("room is made before a session is opened, so that both never use memory at the same time", async () => {
  await run("a");
  await run("b");
  await pool.prepare("c", "whole", () => graph("c"));
  expect(events).toEqual(["open a", "released a", "open b", "released b", "open c"]);
});

test("a part of the same variant is opened in addition to the others", async () => {
  await pool.prepare("a", "first", () => graph("a1"));
  await pool.prepare("a", "second", () => graph("a2"));
  await run("b");
  expect(events).toEqual(["open a1", "open a2", "released a1", "released a2", "open b"]);
});

test("sessions in use stay until the work ends, and no longer", async () => {
  await run("old");
  await pool.during(async () => {
    for (const name of ["a", "b", "a", "b"]) await run(name);
    expect(built).toEqual(["old", "a", "b"]);
  });
  await run("b");
  expect(built).toEqual(["old", "a", "b"]);
  await run("a");
  await run("old");
  expect(built).toEqual(["old", "a", "b", "a", "old"]);
});

test("work that uses no session leaves the newest, whatever its size", async () => {
  pool = sessionPool(1);
  await run("a");
  await pool.during(async () => {});
  await run("a");
  expect(built).toEqual(["a"]);
});

test("parallel works each keep their sessions", async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const works = [
    pool.during(() => run("a").then(() => first.promise)),
    pool.during(() => run("b").then(() => second.promise)),
  ];
  for (const name of ["c", "a", "b"]) await run(name);
  expect(built).toEqual(["a", "b", "c"]);
  second.resolve();
  await works[1];
  await run("a");
  expect(built).toEqual(["a", "b", "c"]);
  first.resolve();
  await works[0];
  await run("b");
  expect(built).toEqual(["a", "b", "c", "b"]);
});

test("failed work releases its sessions too, and keeps its error", async () => {
  const failing = pool.during(async () => {
    await run("a");
    await run("b");
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  await run("a");
  expect(built).toEqual(["a", "b", "a"]);
});

test("a graph that fails to load does not keep others from being freed", async () => {
  const refused = () => ({ ...graph("refused"), bytes: new Uint8Array([1]) });
  const preparing = pool.prepare("a", "refused", refused);
  await Promise.all([
    expect(preparing).rejects.toThrow("ONNX Runtime refused"),
    pool.prepare("a", "whole", () => graph("a")),
    pool.clear(),
  ]);
  await run("a");
  expect(built).toEqual(["refused", "a", "a"]);
});
