/** What outlives a socket: undelivered results and running sync tasks, until the client comes back or its time is over. */

import { randomUUID } from "node:crypto";
import type { Caller } from "../caller.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

export interface Session {
  readonly id: string;
  readonly caller: Caller;
  readonly outbox: Outbox;
  /** Ends what was begun for this client; each entry is called once, when the session ends. */
  readonly endings: Set<() => void>;
  /** Tasks whose end is told without being asked again, because the client has polled for them. */
  readonly polled: Set<string>;
}

export interface Sessions {
  open(caller: Caller, documentation: string): Session;
  /** The session of that id, when it is this caller's and still kept. It no longer ends by itself. */
  resume(id: string, caller: Caller): Session | undefined;
  /** Ends the session after so many seconds unless it is resumed. */
  park(session: Session, seconds: number): void;
  endAll(): void;
}

/** Frames that may wait for one client. They are small until they are sent. */
const MOST_FRAMES = 10_000;

export function createSessions(): Sessions {
  const sessions = new Map<string, Session>();
  const timers = new Map<string, NodeJS.Timeout>();

  const end = (session: Session) => {
    clearTimeout(timers.get(session.id));
    timers.delete(session.id);
    sessions.delete(session.id);
    session.outbox.disconnect();
    session.outbox.clear();
    for (const ending of session.endings) ending();
    session.endings.clear();
  };

  return {
    open: (caller, documentation) => {
      const session: Session = {
        id: randomUUID(),
        caller,
        outbox: createOutbox(MOST_FRAMES, documentation, () => end(session)),
        endings: new Set(),
        polled: new Set(),
      };
      sessions.set(session.id, session);
      return session;
    },
    resume: (id, caller) => {
      const session = sessions.get(id);
      if (session === undefined || session.caller.owner !== caller.owner) return undefined;
      clearTimeout(timers.get(id));
      timers.delete(id);
      return session;
    },
    park: (session, seconds) => {
      if (!sessions.has(session.id)) return;
      session.outbox.disconnect();
      clearTimeout(timers.get(session.id));
      const timer = setTimeout(() => end(session), seconds * 1000);
      timer.unref();
      timers.set(session.id, timer);
    },
    endAll: () => {
      for (const session of [...sessions.values()]) end(session);
    },
  };
}
