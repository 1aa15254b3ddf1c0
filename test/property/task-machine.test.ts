/** The life of tasks as a state machine: any sequence of commands leaves the database and a plain model in equal states. */

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Claim, isFinal, MOVES, type TaskState } from "../../src/server/tasks/index.ts";
import { TEST_DATABASES } from "../support/databases.ts";
import { aResult, aTask, type OpenTasks, openTasks } from "../support/tasks.ts";

const MAX_ATTEMPTS = 3;
const MAX_DEATHS = 2;
const MAX_QUEUED = 20;

interface ModelTask {
  readonly owner: string;
  readonly sent: ReturnType<typeof aTask>;
  readonly turn: number;
  readonly turnEnd: number;
  state: TaskState;
  attempt: number;
  failures: number;
  deaths: number;
  results: number;
  deliveries: number;
  leaseOver: boolean;
  /** Cancelled without anybody's wish. */
  abandoned: boolean;
}

/** What the world should look like, in plain terms. */
class Model {
  tasks: ModelTask[] = [];
  virtualTime = 0;
  /** Claims ever given out, those that were taken over included. */
  claims: { readonly task: ModelTask; readonly attempt: number }[] = [];

  next(): ModelTask | undefined {
    return this.tasks
      .filter(({ state }) => state === "queued")
      .reduce<ModelTask | undefined>((best, task) => (!best || task.turn < best.turn ? task : best), undefined);
  }
  /** Where a new task of this owner comes in the order. */
  turnFor(owner: string): number {
    const mine = this.tasks.filter((task) => task.owner === owner && task.state !== "cancelled");
    const waiting = this.tasks.filter(({ state }) => state === "queued").map(({ turn }) => turn);
    const started = this.tasks.filter(({ attempt }) => attempt > 0).map(({ turn }) => turn);
    const clock = started.length ? Math.max(...started) : waiting.length ? Math.min(...waiting) : 0;
    return Math.max(clock, ...mine.map(({ turnEnd }) => turnEnd));
  }
  /** Takes in a task when there is room. */
  submit(owner: string, sent: ModelTask["sent"]): "accepted" | "queueFull" {
    if (this.tasks.filter(({ state }) => state === "queued").length >= MAX_QUEUED) return "queueFull";
    const turn = this.turnFor(owner);
    const turnEnd = turn + sent.task.numberResults;
    const fresh = { attempt: 0, failures: 0, deaths: 0, results: 0, deliveries: 0, leaseOver: false, abandoned: false };
    this.tasks.push({ owner, sent, turn, turnEnd, state: "queued", ...fresh });
    return "accepted";
  }
  /** A taskUUID again: it begins afresh when it failed, or was abandoned with the same body, and owes nothing any more. */
  resubmit(task: ModelTask, sent: ModelTask["sent"]): "known" | "conflict" | "accepted" | "queueFull" {
    const sameBody = sent === task.sent;
    const again = task.abandoned ? sameBody : task.state === "failed";
    if (!again || task.deliveries > 0) return sameBody ? "known" : "conflict";
    this.tasks = this.tasks.filter((other) => other !== task);
    return this.submit(task.owner, sent);
  }
  holds({ task, attempt }: { task: ModelTask; attempt: number }): boolean {
    return task.state === "running" && task.attempt === attempt;
  }
  fail(task: ModelTask, again: boolean, death: boolean): void {
    task.failures++;
    if (death) task.deaths++;
    const end = !again || task.failures >= MAX_ATTEMPTS || (death && task.deaths >= MAX_DEATHS);
    task.state = end ? "failed" : "queued";
    if (end && task.sent.task.webhookURL) task.deliveries++;
  }
}

interface Real {
  readonly tasks: OpenTasks;
  readonly claims: Claim[];
}

type Step = fc.AsyncCommand<Model, Real>;
const command = (
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Step => ({
  check: (model) => check(model),
  run,
  toString: () => name,
});

const submit = (owner: string, numberResults: number, hook: boolean) =>
  command(`submit(${owner}, ${numberResults})`, async (model, real) => {
    const sent = aTask({ numberResults, ...(hook && { webhookURL: "https://a.example/" }) });
    const outcome = await real.tasks.service.submit(owner, sent);
    expect(outcome.kind).toBe(model.submit(owner, sent));
  });

const resubmit = (pick: number, sameBody: boolean) =>
  command(
    `resubmit(${pick}, ${sameBody})`,
    async (model, real) => {
      const task = model.tasks[pick % model.tasks.length]!;
      const sent = sameBody
        ? task.sent
        : { ...task.sent, task: { ...task.sent.task, steps: task.sent.task.steps + 1 } };
      const outcome = await real.tasks.service.submit(task.owner, sent);
      expect(outcome.kind).toBe(model.resubmit(task, sent));
    },
    (model) => model.tasks.length > 0,
  );

const claim = command("claim", async (model, real) => {
  const expected = model.next();
  const got = await real.tasks.queue.claim();
  expect(got?.taskUUID).toBe(expected?.sent.task.taskUUID);
  if (!expected || !got) return;
  expected.state = "running";
  expected.attempt++;
  expected.leaseOver = false;
  expect(got).toMatchObject({ attempt: expected.attempt, failures: expected.failures, deaths: expected.deaths });
  expect(got.finished).toHaveLength(expected.results);
  model.claims.push({ task: expected, attempt: expected.attempt });
  real.claims.push(got);
});

/** Something that the holder of any claim does, a lost one included: then nothing may happen. */
const onClaim = (
  name: string,
  pick: number,
  run: (held: boolean, task: ModelTask, claim: Claim, model: Model) => Promise<void>,
) =>
  command(
    `${name}(${pick})`,
    async (model, real) => {
      const at = model.claims.length - 1 - (pick % model.claims.length); // mostly the latest ones
      const given = model.claims[at]!;
      await run(model.holds(given), given.task, real.claims[at]!, model);
    },
    (model) => model.claims.length > 0,
  );

const result = (pick: number) =>
  onClaim("result", pick, async (held, task, given) => {
    const last = task.results === task.sent.task.numberResults - 1;
    const index = Math.min(task.results, task.sent.task.numberResults - 1);
    expect(await given.result(aResult(given, index), last)).toBe(held);
    if (!held) return;
    task.results++;
    if (task.sent.task.webhookURL) task.deliveries++;
    if (last) task.state = "succeeded";
  });
const again = (pick: number) =>
  onClaim("repeat the last result", pick, async (held, task, given) => {
    if (task.results === 0) return;
    expect(await given.result(aResult(given, task.results - 1), false)).toBe(held);
  });
const fail = (pick: number, again: boolean, death: boolean) =>
  onClaim(`fail[again ${again}, death ${death}]`, pick, async (held, task, given, model) => {
    const outcome = await given.fail({ error: failure, again, death });
    if (!held) return expect(outcome).toBe("lost");
    model.fail(task, again, death);
    expect(outcome).toBe(task.state === "failed" ? "failed" : "retry");
  });
const handBack = (pick: number) =>
  onClaim("handBack", pick, async (held, task, given) => {
    expect(await given.handBack()).toBe(held);
    if (held) task.state = "queued";
  });
const cancel = (pick: number) =>
  command(
    `cancel(${pick})`,
    async (model, real) => {
      const task = model.tasks[pick % model.tasks.length]!;
      const record = await real.tasks.service.cancel(task.owner, task.sent.task.taskUUID);
      if (!isFinal(task.state)) task.state = "cancelled";
      task.abandoned = false;
      expect(record?.state).toBe(task.state);
    },
    (model) => model.tasks.length > 0,
  );
const abandon = (pick: number) =>
  command(
    `abandon(${pick})`,
    async (model, real) => {
      const task = model.tasks[pick % model.tasks.length]!;
      await real.tasks.service.abandon(task.owner, task.sent.task.taskUUID);
      if (isFinal(task.state)) return;
      task.state = "cancelled";
      task.abandoned = true;
    },
    (model) => model.tasks.length > 0,
  );
const loseWorker = (pick: number) =>
  command(
    `a lease runs out(${pick})`,
    async (model, real) => {
      const running = model.tasks.filter(({ state }) => state === "running");
      const task = running[pick % running.length]!;
      task.leaseOver = true;
      await real.tasks.db.query("update tasks set lease_until = now() - interval '1 second' where task_uuid = $1", [
        task.sent.task.taskUUID,
      ]);
    },
    (model) => model.tasks.some(({ state }) => state === "running"),
  );
const sweep = (all: boolean) =>
  command(all ? "restart" : "sweep", async (model, real) => {
    const lost = model.tasks.filter((task) => task.state === "running" && (all || task.leaseOver));
    expect(await real.tasks.queue.sweep(all)).toBe(lost.length);
    for (const task of lost) model.fail(task, true, false);
  });

let failure: OpenTasks["error"];

async function compare(model: Model, { tasks }: Real): Promise<void> {
  const order = model.tasks.filter(({ state }) => state === "queued").sort((a, b) => a.turn - b.turn);
  for (const task of model.tasks) {
    const record = await tasks.service.get(task.owner, task.sent.task.taskUUID);
    expect(record).toMatchObject({ state: task.state, attempt: task.attempt });
    expect(record!.results.map(({ index }) => index)).toEqual(Array.from({ length: task.results }, (_, i) => i));
    expect(record!.place).toBe(task.state === "queued" ? order.indexOf(task) : undefined);
    expect(record!.finishedAt !== undefined).toBe(isFinal(task.state));
    expect(await tasks.service.deliveries(task.owner, task.sent.task.taskUUID)).toHaveLength(task.deliveries);
  }
}

const pick = fc.oneof({ weight: 4, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(30) });
const submission = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 1, max: 3 }), fc.boolean());
const commands = fc.commands(
  [
    submission.map((given) => submit(...given)),
    fc.tuple(pick, fc.boolean()).map((given) => resubmit(...given)),
    // What moves tasks on comes more often than what stops them.
    ...Array.from({ length: 4 }, () => fc.constant(claim)),
    pick.map(result),
    pick.map(result),
    pick.map(again),
    pick.map(again),
    fc.tuple(pick, fc.boolean(), fc.boolean()).map((given) => fail(...given)),
    pick.map(handBack),
    pick.map(cancel),
    pick.map(abandon),
    pick.map(loseWorker),
    fc.boolean().map(sweep),
  ],
  { maxCommands: 60, size: "max" },
);

let opened: Awaited<ReturnType<(typeof TEST_DATABASES)[number]["open"]>>;
let tasks: OpenTasks;
beforeAll(async () => {
  opened = await TEST_DATABASES[0]!.open();
  tasks = await openTasks(opened.db, MAX_QUEUED);
  failure = tasks.error;
});
afterAll(async () => {
  await tasks?.close();
  await opened?.drop();
});

test("the database agrees with the model, for any sequence of events", { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      await tasks.clear();
      const real: Real = { tasks, claims: [] };
      const model = new Model();
      try {
        await fc.asyncModelRun(() => ({ model, real }), sequence);
        await compare(model, real);
      } finally {
        for (const each of real.claims) each.release();
      }
    }),
    { numRuns: Number(process.env.INKSTONE_TEST_RUNS ?? 60) },
  );
});

test("final states have no moves, and every other state can become final", () => {
  const states = Object.keys(MOVES) as TaskState[];
  expect(states.filter(isFinal).sort()).toEqual(["cancelled", "failed", "succeeded"]);
  for (const state of states) if (!isFinal(state)) expect(MOVES[state].some((next) => isFinal(next))).toBe(true);
});
