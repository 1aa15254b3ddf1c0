/** Signals with stored values. They also work in browsers that store nothing (private windows, full disks). */

import { effect, type Signal, signal } from "@preact/signals";
import { parseJson, stringifyJson } from "../api/json.ts";

function read<Value>(key: string, fallback: Value): Value {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : parseJson<Value>(text);
  } catch {
    return fallback;
  }
}

/** A signal that starts with the value stored under `key` and stores each change immediately. */
export function stored<Value>(name: string, fallback: Value): Signal<Value> {
  const key = `inkstone.${name}`;
  const value = signal<Value>(read(key, fallback));
  effect(() => {
    const now = value.value;
    try {
      if (now === undefined) localStorage.removeItem(key);
      else localStorage.setItem(key, stringifyJson(now));
    } catch {
      // Storing failed. The page still has the value.
    }
  });
  return value;
}
