/** One step from one released schema to the next. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly number: number;
  readonly name: string;
  /** Run one by one in one transaction. Never changed once released: a checksum is kept. */
  readonly statements: readonly string[];
}
