declare module "jstat" {
  const jStat: {
    /** Beta distribution. `inv` gives the value that a share `p` is below. */
    readonly beta: { inv(p: number, alpha: number, beta: number): number };
  };
  export default jStat;
}
