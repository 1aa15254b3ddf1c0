/** The migrations of the database, oldest first. A released migration never changes. Append new ones at the end. */

export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly number: number;
  readonly name: string;
  /** Run in order in one transaction. Never changed after a release: a checksum is stored. */
  readonly statements: readonly string[];
}

/** Tasks, their images (and uploads), and their pending deliveries. */
const tasks: Migration = {
  number: 1,
  name: "tasks",
  statements: [
    `create table tasks (
       id            bigint generated always as identity primary key,
       owner         text not null,
       task_uuid     text not null,
       -- sha256 of the canonical task: the same taskUUID with another body is a conflict
       body_hash     text not null,
       -- the validated task and the task as sent, both as JSON text: jsonb would cost 64-bit seeds their digits in drivers
       task          text not null,
       request       text not null,
       seed          text not null,
       -- names the pictures: the same attempt of the same picture gets the same imageUUID, whoever repeats it
       salt          text not null,
       state         text not null default 'queued'
                     check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
       -- fair order between owners: start and end of this task's share in virtual time (see tasks/submit.ts)
       turn          bigint not null,
       turn_end      bigint not null,
       not_before    timestamptz not null default now(),
       -- the fence: every write of a worker names the attempt it was given
       attempt       int not null default 0,
       -- attempts that ended badly, and those among them that killed the engine
       failures      int not null default 0,
       deaths        int not null default 0,
       worker        text,
       lease_until   timestamptz,
       progress      text,
       error         text,
       created_at    timestamptz not null default now(),
       started_at    timestamptz,
       finished_at   timestamptz,
       unique (owner, task_uuid)
     )`,
    "create index tasks_in_turn on tasks (turn, id) where state = 'queued'",
    "create index tasks_running on tasks (lease_until) where state = 'running'",
    "create index tasks_started_turn on tasks (turn) where attempt > 0",
    "create index tasks_owner_turn on tasks (owner, turn_end)",
    "create index tasks_finished on tasks (finished_at) where finished_at is not null",
    `create table images (
       image_uuid    text primary key,
       owner         text not null,
       -- null for uploads, and once the task has expired before the picture
       task_id       bigint references tasks (id) on delete set null,
       index         int,
       seed          text,
       output_format text not null,
       file_name     text not null,
       content_type  text not null,
       width         int not null,
       height        int not null,
       byte_length   int not null,
       cost          double precision not null default 0,
       nsfw          boolean,
       created_at    timestamptz not null default now(),
       delete_at     timestamptz not null,
       -- when the file was removed; the row stays for as long as its task is kept
       deleted_at    timestamptz,
       unique (task_id, index)
     )`,
    "create index images_to_delete on images (delete_at) where deleted_at is null",
    `create table deliveries (
       id              bigint generated always as identity primary key,
       owner           text not null,
       task_uuid       text not null,
       -- stable over retries: receivers recognise repeats by it
       message_id      text not null unique,
       kind            text not null check (kind in ('webhook', 'upload')),
       url             text not null,
       -- null for the webhook that tells of a failed task
       image_uuid      text,
       state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
       attempts        int not null default 0,
       -- while an attempt is under way (taken), the time at which it counts as lost
       next_attempt_at timestamptz not null default now(),
       taken           boolean not null default false,
       last_error      text,
       created_at      timestamptz not null default now(),
       finished_at     timestamptz
     )`,
    "create index deliveries_due on deliveries (next_attempt_at) where state = 'pending'",
    "create index deliveries_of_task on deliveries (owner, task_uuid)",
  ],
};

/** The number of denoising steps that a step cache skipped; null if no cache was on. */
const skippedSteps: Migration = {
  number: 2,
  name: "skipped steps",
  statements: ["alter table images add column skipped_steps double precision"],
};

/** The input of a guide image; null for other images. */
const inputImage: Migration = {
  number: 3,
  name: "input image",
  statements: ["alter table images add column input_uuid text"],
};

/** Tasks of different lanes do not wait for each other: model uploads download while images are generated. */
const lanes: Migration = {
  number: 4,
  name: "lanes",
  statements: [
    "alter table tasks add column lane text not null default 'pictures' check (lane in ('pictures', 'uploads'))",
    "drop index tasks_in_turn",
    "create index tasks_in_turn on tasks (lane, turn, id) where state = 'queued'",
    "drop index tasks_started_turn",
    "create index tasks_started_turn on tasks (lane, turn) where attempt > 0",
    "drop index tasks_owner_turn",
    "create index tasks_owner_turn on tasks (owner, lane, turn_end)",
  ],
};

/** True if a task was cancelled because its client disconnected, and not on request. */
const abandoned: Migration = {
  number: 5,
  name: "abandoned",
  statements: ["alter table tasks add column abandoned boolean not null default false"],
};

/** The retention of an uploaded image after its last use; null for results, and for uploads of older versions. */
const keptImages: Migration = {
  number: 6,
  name: "kept images",
  statements: ["alter table images add column keep_seconds int"],
};

/** The last attempt that a worker lost because it was silent. A slow worker can reclaim it. */
const lostAttempts: Migration = {
  number: 7,
  name: "lost attempts",
  statements: ["alter table tasks add column lost_attempt int"],
};

/**
 * Columns for listing, searching, starring and deleting images. The inputs of an image stay known after its task is
 * deleted.
 */
const gallery: Migration = {
  number: 8,
  name: "gallery",
  statements: [
    // the task that reproduces the image, as JSON text, and its input images
    "alter table images add column parameters text",
    "alter table images add column parents text[] not null default '{}'",
    "alter table images add column starred boolean not null default false",
    "alter table images add column binned_at timestamptz",
    "create index images_newest on images (owner, created_at desc, image_uuid desc)",
    "create index images_parents on images using gin (parents)",
    "create index images_binned on images (binned_at) where binned_at is not null and deleted_at is null",
    "create index tasks_newest on tasks (owner, id desc)",
  ],
};

/**
 * Times that survive a clock that is set back. Work that was never postponed is due at any time, and postponed work
 * stores the time of the postponement. `asked_at` is the time of the last poll.
 */
const clocks: Migration = {
  number: 9,
  name: "clocks",
  statements: [
    "alter table tasks alter column not_before set default '-infinity'",
    "update tasks set not_before = '-infinity' where state = 'queued'",
    "alter table tasks add column asked_at timestamptz not null default now()",
    "alter table deliveries alter column next_attempt_at set default '-infinity'",
    "alter table deliveries add column attempted_at timestamptz",
  ],
};

/** Values that belong to the database but are stored outside it. */
const belongings: Migration = {
  number: 10,
  name: "belongings",
  statements: ["create table belongings (name text primary key, id text not null)"],
};

/**
 * Columns and tables for many machines: live and idle processes, followers of tasks, and models that a worker needs.
 * Renewing a lease touches no index. The searches of upkeep have indexes.
 */
const machines: Migration = {
  number: 11,
  name: "machines",
  statements: [
    // live servers and workers; this data may be lost in a crash of the database
    `create unlogged table processes (
       name      text primary key,
       seen_at   timestamptz not null default now(),
       -- names that tasks may ask for (null: all), and what is told of all of them
       offers    text[],
       catalogue text
     )`,
    // workers that wait for a task, by their number in their process, and their models in memory
    `create unlogged table idle_workers (
       process text not null,
       lane    text not null,
       seat    int not null,
       loaded  text,
       primary key (process, lane, seat)
     )`,
    // catalogues by hash, as JSON text, because many processes share one
    "create unlogged table catalogues (id text primary key, content text not null)",
    // one process does the upkeep for all
    "create unlogged table upkeeper (id boolean primary key default true check (id), process text not null, until timestamptz not null)",
    // processes that follow all tasks of an owner
    `create unlogged table followers (
       owner          text not null,
       process        text not null,
       until          timestamptz not null,
       previews_until timestamptz not null,
       primary key (owner, process)
     )`,
    // models that a task names
    "alter table tasks add column needs text[] not null default '{}'",
    // processes to notify of images and the end of a task, and processes to notify of every step
    "alter table tasks add column waiters text[] not null default '{}'",
    "alter table tasks add column watchers text[] not null default '{}'",
    "drop index tasks_running",
    "create index tasks_running on tasks (lane) where state = 'running'",
    "alter table tasks set (fillfactor = 80)",
    "create index images_gone on images (image_uuid) where deleted_at is not null and task_id is null",
    "create index deliveries_finished on deliveries (finished_at) where finished_at is not null",
  ],
};

/**
 * API keys of servers that share a database. A revoked key stays stored: if no key was ever created, a server is open
 * to its own machine.
 */
const apiKeys: Migration = {
  number: 12,
  name: "api keys",
  statements: [
    `create table api_keys (
       id         text primary key,
       name       text not null,
       hint       text not null,
       -- SHA-256 in hex
       hash       text not null unique,
       created_at timestamptz not null,
       revoked_at timestamptz
     )`,
  ],
};

/** The limits of a key; null: the limits of the settings. */
const keyLimits: Migration = {
  number: 13,
  name: "key limits",
  statements: ["alter table api_keys add column max_waiting int, add column max_stored_mb int"],
};

/** The `traceparent` of the request that submitted the task, if traces are collected. */
const traces: Migration = {
  number: 14,
  name: "traces",
  statements: ["alter table tasks add column trace text"],
};

/** Heartbeats of the upkeep, which decide instead of the clock which processes are alive. */
const beats: Migration = {
  number: 15,
  name: "beats",
  statements: [
    // the first call does not change `last_value`
    "create sequence upkeeper_beats",
    "select nextval('upkeeper_beats')",
    "alter table processes add column beat bigint",
  ],
};

/** The models in memory of a process, as JSON text, and whether it answers clients and so needs news of models. */
const heldModels: Migration = {
  number: 16,
  name: "held models",
  statements: [
    "alter table processes add column held text",
    "alter table processes add column answers boolean not null default true",
  ],
};

export const migrations: readonly Migration[] = [
  tasks,
  skippedSteps,
  inputImage,
  lanes,
  abandoned,
  keptImages,
  lostAttempts,
  gallery,
  clocks,
  belongings,
  machines,
  apiKeys,
  keyLimits,
  traces,
  beats,
  heldModels,
];
