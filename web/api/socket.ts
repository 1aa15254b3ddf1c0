/** The page's WebSocket. It watches the caller's tasks, and reconnects after an outage of the server. */

import { parseJson, stringifyJson } from "./json.ts";
import type { ErrorItem, WatchEvent } from "./types.ts";
import { randomUuid } from "./uuid.ts";

export interface SocketHooks {
  readonly onOpen: () => void;
  readonly onEvent: (event: WatchEvent) => void;
  /** The server does not answer. The next attempt follows after this number of milliseconds. */
  readonly onAway: (retryMs: number) => void;
  readonly onRefused: (error: ErrorItem) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** Interval of pings in milliseconds: the server closes a silent socket. */
const PING_MS = 30_000;

/** Opens the socket. The returned function closes it permanently. `previews` is called at each connection. */
export function watchTasks(key: string | undefined, previews: () => boolean, hooks: SocketHooks): () => void {
  let socket: WebSocket;
  let pause = FIRST_PAUSE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const send = (...tasks: object[]) => socket.send(stringifyJson(tasks));
  const watch = () => send({ taskType: "watch", taskUUID: randomUuid(), previews: previews() });

  const receive = (text: string) => {
    const frame = parseJson<{ data?: (WatchEvent | { taskType: string })[]; errors?: ErrorItem[] }>(text);
    const [error] = frame.errors ?? [];
    if (error !== undefined) return hooks.onRefused(error);
    for (const item of frame.data ?? []) {
      if (item.taskType === "authentication") watch();
      else if (item.taskType === "watch" && "event" in item) hooks.onEvent(item);
      else if (item.taskType === "watch") {
        pause = FIRST_PAUSE_MS;
        hooks.onOpen();
      }
    }
  };

  const open = () => {
    const next = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1`);
    socket = next;
    const ping = setInterval(
      () => next.readyState === WebSocket.OPEN && send({ taskType: "ping", ping: true }),
      PING_MS,
    );
    next.onopen = () => (key === undefined ? watch() : send({ taskType: "authentication", apiKey: key }));
    next.onmessage = ({ data }) => receive(String(data));
    next.onclose = () => {
      clearInterval(ping);
      if (closed || socket !== next) return;
      hooks.onAway(pause);
      timer = setTimeout(open, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    };
  };
  open();

  /** A phone that wakes up, or a network that returns, connects immediately. */
  const tryNow = () => {
    if (closed || document.hidden || socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    open();
  };
  window.addEventListener("online", tryNow);
  document.addEventListener("visibilitychange", tryNow);
  return () => {
    closed = true;
    clearTimeout(timer);
    window.removeEventListener("online", tryNow);
    document.removeEventListener("visibilitychange", tryNow);
    socket.close();
  };
}
