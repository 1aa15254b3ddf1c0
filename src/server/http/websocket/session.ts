/**
 * The part of a connection that outlives its socket: undelivered results and running sync tasks, until the client
 * resumes or the session expires.
 */

import { randomUUID } from "node:crypto";
import type { OwnerId } from "../../tasks/index.ts";
import type { Caller } from "../caller.ts";
import type { Later } from "../later.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

export interface Session {
  readonly id: string;
  readonly caller: Caller;
  readonly outbox: Outbox;
  /** Ends the work for this client. Each entry is called once, when the session ends. */
  readonly endings: Set<() => void>;
  /** Tasks whose end is sent without another poll, because the client has polled for them. */
  readonly polled: Set<string>;
  /** Number of small tasks whose answers are in progress. */
  answering: number;
  ended: boolean;
}

/** Calls `ending` when the session ends, or at once if it has ended while its last frames were in progress. */
export function onEnd(session: Session, ending: () => void): void {
  if (session.ended) ending();
  else session.endings.add(ending);
}

/**
 * The socket that holds a session. Called when the session leaves it: another socket has taken over, or this one does
 * not read.
 */
export type Holder = () => void;

export interface Sessions {
  open(caller: Caller, documentation: string, holder: Holder): Session;
  /**
   * Resumes the session with that id, if it belongs to this caller and still exists. It no longer expires and belongs
   * to `holder`. The previous socket, which may be dead without the server's knowledge, is released.
   */
  resume(id: string, caller: Caller, holder: Holder): Session | undefined;
  /** Ends the session after a number of seconds unless it is resumed. Does nothing if it belongs to another holder. */
  park(session: Session, holder: Holder, seconds: number): void;
  /** Ends the sessions of owners whose key is no longer valid, and releases their sockets. */
  endUnless(isAllowed: (owner: OwnerId) => Promise<boolean>): Promise<void>;
  endAll(): void;
}

/** Most waiting frames for one client. Frames are small until they are sent. */
const MOST_FRAMES = 10_000;

/** A session and its socket. After the socket closes, the session expires; `cancelEnd` prevents it. */
interface Kept {
  readonly session: Session;
  holder: Holder;
  cancelEnd: () => void;
}

export function createSessions(later: Later): Sessions {
  const kept = new Map<string, Kept>();

  const end = (session: Session) => {
    kept.get(session.id)?.cancelEnd();
    kept.delete(session.id);
    session.ended = true;
    session.outbox.disconnect();
    session.outbox.clear();
    for (const ending of session.endings) ending();
    session.endings.clear();
  };

  const overflowed = (session: Session) => {
    const holder = kept.get(session.id)?.holder;
    end(session);
    holder?.();
  };

  return {
    open: (caller, documentation, holder) => {
      const session: Session = {
        id: randomUUID(),
        caller,
        outbox: createOutbox(MOST_FRAMES, documentation, () => overflowed(session)),
        endings: new Set(),
        polled: new Set(),
        answering: 0,
        ended: false,
      };
      kept.set(session.id, { session, holder, cancelEnd: () => {} });
      return session;
    },
    resume: (id, caller, holder) => {
      const found = kept.get(id.toLowerCase());
      if (found === undefined || found.session.caller.owner !== caller.owner) return undefined;
      found.cancelEnd();
      if (found.holder !== holder) found.holder();
      found.holder = holder;
      return found.session;
    },
    park: (session, holder, seconds) => {
      const found = kept.get(session.id);
      if (found?.holder !== holder) return;
      session.outbox.disconnect();
      found.cancelEnd();
      found.cancelEnd = later(seconds, () => end(session));
    },
    endUnless: async (isAllowed) => {
      for (const { session, holder } of [...kept.values()]) {
        if (await isAllowed(session.caller.owner)) continue;
        end(session);
        holder();
      }
    },
    endAll: () => {
      for (const { session } of [...kept.values()]) end(session);
    },
  };
}
