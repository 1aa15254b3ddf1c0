import { posix, win32 } from "node:path";
import { expect, test } from "vitest";
import { externalLocations } from "./graph.ts";

test("paths of weights are relative to the deepest common folder", () => {
  const files = ["/models/a/transformer/one.safetensors", "/models/a/vae/two.safetensors"];
  expect(externalLocations(files, posix)).toEqual({
    root: "/models/a",
    locations: ["transformer/one.safetensors", "vae/two.safetensors"],
  });
});

test("on Windows too, with the forward slashes of ONNX", () => {
  const files = ["C:\\models\\a\\transformer\\one.safetensors", "C:\\models\\a\\transformer\\two.safetensors"];
  expect(externalLocations(files, win32)).toEqual({
    root: "C:\\models\\a\\transformer",
    locations: ["one.safetensors", "two.safetensors"],
  });
  expect(externalLocations([...files, "c:\\models\\b\\three.safetensors"], win32)).toEqual({
    root: "C:\\models",
    locations: ["a/transformer/one.safetensors", "a/transformer/two.safetensors", "b/three.safetensors"],
  });
});

test("a folder whose name begins like another's, or with dots, is separate from it", () => {
  expect(externalLocations(["/m/ab/x", "/m/a/y"], posix)).toEqual({ root: "/m", locations: ["ab/x", "a/y"] });
  expect(externalLocations(["/m/x", "/m/..hidden/y"], posix)).toEqual({ root: "/m", locations: ["x", "..hidden/y"] });
});

test("files at the root, and no files", () => {
  expect(externalLocations(["/x", "/m/y"], posix)).toEqual({ root: "/", locations: ["x", "m/y"] });
  expect(externalLocations([], posix)).toEqual({ root: "", locations: [] });
});

test("files on two drives are refused", () => {
  expect(() => externalLocations(["C:\\a\\x", "D:\\a\\y"], win32)).toThrow("another drive");
});
