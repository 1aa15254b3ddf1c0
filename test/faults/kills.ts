/** How often the fault tests kill -9, at seeded moments: a hundred times in all, however slow the machine. */
export const ENGINE_KILLS = 96;
/** Only where PostgreSQL is installed, as it is in CI. */
export const WORKER_KILLS = 20;
/** Each costs a start of the server: a machine that takes too long over them does not go on to the most. */
export const SERVER_KILLS = { least: 6, most: 16 };

/** Of API servers and workers on several machines, in CI; `npm run test:kills` makes more. */
export const MACHINE_KILLS = 6;
