/**
 * Limits of the content of a request, checked on its bytes before parsing. The cost of parsing and validation depends
 * on keys, items and nesting far more than on bytes. The check takes one pass, and a native search skips strings.
 */

import { TaskError } from "./task-error.ts";

/** Nested arrays and objects. A task needs seven. */
const DEPTH = 32;
/** Keys and items of one task. The largest valid task has about two hundred. */
const PER_TASK = 1_000;
/** Keys and items of all tasks together, per allowed task. */
const SHARE = 50;
/** Bytes of a key. The longest valid key has under 40. */
const KEY = 256;
/** Bytes of a string that is not an image: 32,000 characters, each written as two escapes. */
const STRING = 384_000;
/** Digits of a number. JavaScript writes up to 309. */
const NUMBER = 400;

/** Keys whose values are images or lists of images. Only these strings may be long. */
export const IMAGE_KEY = /(images?|^references|^media)$/i;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Checks the bytes of a JSON request. Invalid JSON may pass: the parser rejects it later.
 * @param maxTasks most items of the outermost array
 * @throws TaskError `invalidRequest` at the first thing that is too large, too long or too deep
 */
export function checkJsonBounds(bytes: Uint8Array, maxTasks: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const total = Math.max(2 * PER_TASK, SHARE * maxTasks);
  let depth = 0;
  let values = 0;
  let ofTask = 0;
  let tasks = 1;
  let digits = 0;
  let isList = false;
  let key = "";
  const count = () => {
    values++;
    ofTask++;
    if (ofTask > PER_TASK) throw tooMuch(`A task holds more than ${PER_TASK} keys and items.`);
    if (values > total) throw tooMuch(`The tasks together hold more than ${total} keys and items.`);
  };
  for (let at = 0; at < buffer.length; at++) {
    const byte = buffer[at]!;
    if (byte === QUOTE) {
      const end = endOfString(buffer, at + 1);
      if (isKey(buffer, end + 1)) {
        if (end - at > KEY) throw tooMuch(`A key is longer than ${KEY} bytes.`);
        key = buffer.toString("latin1", at + 1, end);
      } else if (end - at > STRING && !IMAGE_KEY.test(key)) {
        throw tooMuch(`The text of '${key}' has ${end - at} bytes; at most ${STRING} are accepted.`);
      }
      at = end;
    } else if (byte === COMMA) {
      if (depth === 1 && isList) {
        tasks++;
        ofTask = 0;
        // The caller of the parser counts exactly; this check only stops far larger arrays.
        if (tasks > 10 * maxTasks)
          throw new TaskError("maxTasksExceeded", { given: `over ${tasks - 1}`, limit: maxTasks });
      } else count();
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (depth === 0) isList = byte === OPEN_LIST;
      else count();
      if (++depth > DEPTH) throw tooMuch(`It is nested more than ${DEPTH} levels deep.`);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    digits = byte >= 0x30 && byte <= 0x39 ? digits + 1 : 0;
    if (digits > NUMBER) throw tooMuch(`A number has more than ${NUMBER} digits.`);
  }
}

/** The position of the closing quote of a string, or the end of the text. */
function endOfString(buffer: Buffer, from: number): number {
  for (let at = buffer.indexOf(QUOTE, from); at !== -1; at = buffer.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (at - escapes > from && buffer[at - escapes - 1] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return buffer.length;
}

/** True if a colon follows, after optional white space. */
function isKey(buffer: Buffer, from: number): boolean {
  let at = from;
  while (buffer[at] === 0x20 || buffer[at] === 0x0a || buffer[at] === 0x0d || buffer[at] === 0x09) at++;
  return buffer[at] === COLON;
}

const tooMuch = (reason: string): TaskError => new TaskError("invalidRequest", { reason });
