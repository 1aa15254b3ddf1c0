/** Signals whose values outlive the page. A browser that keeps nothing (private windows, full disks) works all the same. */

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

/** A signal that begins with what was stored under `key` and stores each change at once. */
export function stored<Value>(name: string, fallback: Value): Signal<Value> {
  const key = `inkstone.${name}`;
  const value = signal<Value>(read(key, fallback));
  effect(() => {
    const now = value.value;
    try {
      if (now === undefined) localStorage.removeItem(key);
      else localStorage.setItem(key, stringifyJson(now));
    } catch {
      // Nothing can be kept here; the page still holds it.
    }
  });
  return value;
}
