/** What outlives a socket: undelivered results and running sync tasks, until the client comes back or its time is over. */

import { randomUUID } from "node:crypto";
import type { OwnerId } from "../../tasks/index.ts";
import type { Caller } from "../caller.ts";
import type { Later } from "../later.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

export interface Session {
  readonly id: string;
  readonly caller: Caller;
  readonly outbox: Outbox;
  /** Ends what was begun for this client; each entry is called once, when the session ends. */
  readonly endings: Set<() => void>;
  /** Tasks whose end is told without being asked again, because the client has polled for them. */
  readonly polled: Set<string>;
  /** Small tasks whose answers are being made. */
  answering: number;
  ended: boolean;
}

/** Calls `ending` when the session ends; at once when it has, while its last frames were in work. */
export function onEnd(session: Session, ending: () => void): void {
  if (session.ended) ending();
  else session.endings.add(ending);
}

/** The socket that a session belongs to, as what is called when it is let go: another has taken the session over, or it does not read. */
export type Holder = () => void;

export interface Sessions {
  open(caller: Caller, documentation: string, holder: Holder): Session;
  /**
   * The session of that id, when it is this caller's and still kept. It no longer ends by itself, and belongs to `holder`:
   * the socket that held it until now, which may be dead without the server's knowing, is let go.
   */
  resume(id: string, caller: Caller, holder: Holder): Session | undefined;
  /** Ends the session after so many seconds unless it is resumed; does nothing when it is no longer this holder's. */
  park(session: Session, holder: Holder, seconds: number): void;
  /** Ends the sessions whose owner is not allowed any more, and lets their sockets go. */
  endUnless(isAllowed: (owner: OwnerId) => Promise<boolean>): Promise<void>;
  endAll(): void;
}

/** Frames that may wait for one client. They are small until they are sent. */
const MOST_FRAMES = 10_000;

/** A session and the socket it belongs to. Once that has closed the session ends after a while; `cancelEnd` prevents it. */
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
