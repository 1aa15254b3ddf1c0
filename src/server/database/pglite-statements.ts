import { type PGlite, parse, protocol } from "@electric-sql/pglite";
import type { Row } from "./database.ts";

interface Prepared {
  readonly name: string;
  /** Types of the parameters. */
  readonly oids: readonly number[];
}

/**
 * Runs prepared statements. Each is parsed and planned once, and then takes one call into WebAssembly. `PGlite.query`
 * parses every time and takes six calls, which is three times slower. The caller must run one statement at a time.
 */
export function preparedStatements(lite: PGlite) {
  const prepared = new Map<string, Prepared>();

  async function exchange(...messages: readonly Uint8Array[]) {
    const answer = await lite.execProtocol(Buffer.concat([...messages, protocol.serialize.sync()]));
    return answer.messages;
  }

  async function prepare(sql: string): Promise<Prepared> {
    const name = `statement_${prepared.size}`;
    const { serialize } = protocol;
    const answer = await exchange(serialize.parse({ name, text: sql }), serialize.describe({ type: "S", name }));
    const statement = { name, oids: parse.parseDescribeStatementResults(answer) };
    prepared.set(sql, statement);
    return statement;
  }

  /** The rows of one statement with `$1` parameters. */
  return async function run<R = Row>(sql: string, parameters: readonly unknown[]): Promise<R[]> {
    const { name, oids } = prepared.get(sql) ?? (await prepare(sql));
    const values = parameters.map((value, i) => {
      if (value === null || value === undefined) return null;
      return lite.serializers[oids[i]!]?.(value) ?? String(value);
    });
    const { serialize } = protocol;
    const answer = await exchange(
      serialize.bind({ statement: name, values }),
      serialize.describe({ type: "P" }),
      serialize.execute(),
    );
    return parse.parseResults(answer, lite.parsers)[0]!.rows as R[];
  };
}
