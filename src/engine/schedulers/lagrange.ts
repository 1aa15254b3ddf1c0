/**
 * The polynomials that are 1 at one node and 0 at all others: one list of coefficients per node, lowest power first.
 * A functional of the polynomial through some values is then `Σ value · functional(basis)`.
 */
export function lagrangeBasis(nodes: readonly number[]): number[][] {
  return nodes.map((node, j) =>
    nodes.reduce((polynomial, other, k) => (k === j ? polynomial : timesLinear(polynomial, other, node - other)), [1]),
  );
}

/** Multiplies by `(τ - root) / scale`. */
function timesLinear(polynomial: readonly number[], root: number, scale: number): number[] {
  return [...polynomial, 0].map((coefficient, i) => ((polynomial[i - 1] ?? 0) - root * coefficient) / scale);
}
