/** Does `work` after so many seconds, unless the function it returns is called before. A port: tests let time pass by hand. */
export type Later = (seconds: number, work: () => void) => () => void;

/** Real time. What still waits does not keep the process alive. */
export const later: Later = (seconds, work) => {
  const timer = setTimeout(work, seconds * 1000).unref();
  return () => clearTimeout(timer);
};
