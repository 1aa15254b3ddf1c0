import { UPLOAD_STAGES } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import { FARTHEST_PLACE, findTaskById, type StoredTask } from "./find.ts";
import { type Detail, listenTo } from "./listen.ts";
import type { TaskSignals } from "./signals.ts";
import { isFinal, type TaskEvent, type TaskProgress, type TaskRecord, type TaskState } from "./types.ts";

/** Most tasks whose last change is remembered for watchers that begin without a read. */
const MOST_RECENT = 1_000;

/** A watcher of a task, with the state that it knows. */
interface Watcher {
  readonly tell: (event: TaskEvent) => void;
  attempt: number;
  results: number;
  place: number | undefined;
  /** Position of the last reported stage of an upload; -1 before the first. */
  stage: number;
}

export interface Watchers {
  /**
   * Calls `tell` with the current state of the task that `read` finds, and then with every event, until `final` or
   * `stop`. No event between reading and watching is lost. `stored` is a task that this process has just stored; it
   * takes no read.
   */
  watch(
    read: () => Promise<StoredTask | undefined>,
    tell: (event: TaskEvent) => void,
    detail: Detail,
    stored?: StoredTask,
  ): Promise<{ readonly stop: () => void } | undefined>;
  /** The numbers of the watched tasks. */
  watched(): string[];
  close(): void;
}

export interface WatchersOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  /** Interval of checks of the rows, for lost signals and positions in the queue. */
  readonly pollMs: number;
}

/** Converts signals and rows to the events of each watched task. A row is read once per change, for all watchers. */
export function createWatchers({ db, signals, pollMs }: WatchersOptions): Watchers {
  const byTask = new Map<string, Set<Watcher>>();
  const reading = new Map<string, "once" | "again">();
  /** Tasks that changed while a new watcher was reading; one set per reader. */
  const readers = new Set<Set<string>>();
  /** The tasks that changed last. The signal of a quick end may arrive before the reply to the insertion. */
  const recent = new Set<string>();

  function noteChange(id: string): void {
    for (const changed of readers) changed.add(id);
    recent.add(id);
    if (recent.size > MOST_RECENT) recent.delete(recent.values().next().value!);
  }

  /** Reads the row and reports changes. Signals that arrive meanwhile cause one more query. */
  async function refresh(id: string): Promise<void> {
    if (reading.has(id)) {
      reading.set(id, "again");
      return;
    }
    do {
      reading.set(id, "once");
      const found = await findTaskById(db, id).catch(() => undefined); // the next poll tries again
      if (found) for (const watcher of [...(byTask.get(id) ?? [])]) tellNews(id, watcher, found.record);
    } while (reading.get(id) === "again");
    reading.delete(id);
  }

  function tellNews(id: string, watcher: Watcher, record: TaskRecord): void {
    for (const event of newsFor(watcher, record)) {
      if (event.type === "final") drop(id, watcher);
      watcher.tell(event);
    }
  }

  function drop(id: string, watcher: Watcher): void {
    const all = byTask.get(id);
    all?.delete(watcher);
    if (all?.size === 0) byTask.delete(id);
  }

  async function poll(): Promise<void> {
    if (byTask.size === 0) return;
    const rows = await db.query<{ id: string; state: TaskState; attempt: number; results: number }>(
      `select t.id::text, t.state, t.attempt, (select count(*)::int from images i where i.task_id = t.id) as results
       from tasks t where t.id = any($1::bigint[])`,
      [[...byTask.keys()]],
    );
    const waiting = rows.filter(({ state }) => state === "queued").map(({ id }) => id);
    const places = waiting.length === 0 ? [] : await placesOf(db, waiting);
    const placeOf = new Map(places.map((row) => [row.id, row.place]));
    for (const row of rows) {
      for (const watcher of byTask.get(row.id) ?? []) {
        const stale = watcher.attempt !== row.attempt || watcher.results !== row.results;
        if (stale || isFinal(row.state)) void refresh(row.id);
        else tellPlace(watcher, placeOf.get(row.id));
      }
    }
  }

  /** Reports a start. Nothing else in the row has changed, so it is not read. */
  function tellStarted(watcher: Watcher, attempt: number): void {
    watcher.place = undefined;
    if (attempt <= watcher.attempt) return;
    watcher.attempt = attempt;
    watcher.stage = -1;
    watcher.tell({ type: "started", attempt });
  }

  function tellPlace(watcher: Watcher, place: number | undefined): void {
    if (place === undefined || place === watcher.place) return;
    watcher.place = place;
    watcher.tell({ type: "queued", place });
  }

  const unlisten = signals.listen((signal) => {
    if (signal.type === "gap") void poll().catch(() => {});
    if (signal.type === "started") {
      noteChange(signal.id);
      for (const watcher of byTask.get(signal.id) ?? []) tellStarted(watcher, signal.attempt);
    }
    if (signal.type === "changed") {
      noteChange(signal.id);
      if (byTask.has(signal.id)) void refresh(signal.id);
    }
    if (signal.type === "progress") {
      for (const watcher of byTask.get(signal.id) ?? []) {
        for (const event of progressFor(watcher, signal.progress)) watcher.tell(event);
      }
    }
  });
  const timer = setInterval(() => void poll().catch(() => {}), pollMs).unref();

  return {
    async watch(read, tell, detail, stored) {
      const changed = new Set<string>();
      readers.add(changed);
      const reading = async () => {
        const task = stored ?? (await read());
        const isNews = task !== undefined && (await listenTo(db, signals, task, detail));
        return { task, isNews };
      };
      const { task, isNews } = await reading().finally(() => readers.delete(changed));
      if (!task) return undefined;
      const watcher: Watcher = { tell, attempt: 0, results: 0, place: undefined, stage: -1 };
      byTask.set(task.id, (byTask.get(task.id) ?? new Set()).add(watcher));
      tellNews(task.id, watcher, task.record);
      const isOutdated = stored !== undefined && recent.has(stored.id);
      if (isNews || isOutdated || changed.has(task.id)) void refresh(task.id);
      return { stop: () => drop(task.id, watcher) };
    },
    watched: () => [...byTask.keys()],
    close() {
      clearInterval(timer);
      unlisten();
      byTask.clear();
    },
  };
}

/** The positions of waiting tasks among the first of each lane. Tasks further behind are not reported. */
async function placesOf(db: Database, ids: readonly string[]) {
  return db.query<{ id: string; place: number }>(
    `select id::text, place::int from (values ('pictures'), ('uploads')) as lanes (lane), lateral (
       select id, row_number() over (order by turn, id) - 1 as place from (
         select id, turn from tasks t where t.state = 'queued' and t.lane = lanes.lane order by turn, id limit ${FARTHEST_PLACE}
       ) first
     ) waiting where id = any($1::bigint[])`,
    [ids],
  );
}

/** Converts the difference between the watcher's state and the task to events, and updates the watcher's state. */
function newsFor(watcher: Watcher, record: TaskRecord): TaskEvent[] {
  const news: TaskEvent[] = [];
  if (record.place !== undefined && record.place !== watcher.place) news.push({ type: "queued", place: record.place });
  if (record.attempt > watcher.attempt) {
    news.push({ type: "started", attempt: record.attempt });
    watcher.stage = -1;
  }
  if (record.progress) news.push(...progressFor(watcher, record.progress));
  if (record.task.taskType === "modelUpload" && record.state === "succeeded" && watcher.stage < STORED)
    news.push(...progressFor(watcher, { stage: "stored", percentage: 100 }));
  for (const result of record.results.slice(watcher.results)) news.push({ type: "result", result });
  if (isFinal(record.state)) news.push({ type: "final", record });
  watcher.place = record.place;
  watcher.attempt = record.attempt;
  watcher.results = record.results.length;
  return news;
}

const STORED = UPLOAD_STAGES.indexOf("stored");

/**
 * Converts progress to events. Each stage of an upload is reported, also if its signal was lost. Stages keep their
 * order, although the row may be older than the last signal.
 */
function progressFor(watcher: Watcher, progress: TaskProgress): TaskEvent[] {
  if (!("stage" in progress)) return [{ type: "progress", ...progress }];
  const reached = UPLOAD_STAGES.indexOf(progress.stage);
  if (reached < watcher.stage) return [];
  const missed = UPLOAD_STAGES.slice(watcher.stage + 1, reached);
  watcher.stage = reached;
  return [
    ...missed.map((stage) => ({ type: "progress" as const, stage, percentage: stage === "validated" ? 0 : 100 })),
    { type: "progress", ...progress },
  ];
}
