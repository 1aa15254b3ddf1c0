/**
 * Makes this child process end with its parent and by its parent's hand alone: SIGINT and SIGTERM, which a terminal's Ctrl-C and
 * process managers send to the whole group, are left to the parent, which decides how long running work may go on.
 */
export function leaveWithParent(): void {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(0));
}
