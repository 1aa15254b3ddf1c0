/** Runs `work` after a number of seconds, unless the returned function is called before. A port: tests replace time. */
export type Later = (seconds: number, work: () => void) => () => void;

/** Real time. Pending work does not keep the process alive. */
export const later: Later = (seconds, work) => {
  const timer = setTimeout(work, seconds * 1000).unref();
  return () => clearTimeout(timer);
};
