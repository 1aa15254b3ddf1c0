declare module "jstat" {
  const jStat: {
    /** Beta distribution. `inv`: the value below which a share `p` lies. */
    readonly beta: { inv(p: number, alpha: number, beta: number): number };
  };
  export default jStat;
}
