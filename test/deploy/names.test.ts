/** What the files of `deploy/` name exists: settings, commands, metrics, files of the project. */

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { SETTINGS } from "../../src/settings/index.ts";
import { type ContractServer, startContractServer } from "../contract/server.ts";

const FILES = ["Dockerfile", "compose.yaml", ...readdirSync("deploy").map((name) => `deploy/${name}`)];
const read = (file: string) => readFileSync(file, "utf8");

test.each(FILES)("%s names existing settings", (file) => {
  const known = new Set<string>(Object.values(SETTINGS).map(({ env }) => env));
  const named = read(file).match(/INKSTONE_[A-Z0-9_]*[A-Z]/g) ?? [];
  expect(named.filter((name) => !known.has(name.replace(/_FILE$/, "")))).toEqual([]);
});

test("flags of serve in commands exist", () => {
  const flags = new Set(Object.values(SETTINGS).map(({ flag }) => `--${flag}`));
  const commands = FILES.flatMap((file) => read(file).match(/serve[" ,].*--[a-z].*$/gm) ?? []);
  const named = commands.flatMap((command) => command.match(/--[a-z][a-z-]+/g) ?? []);
  expect(named).toContain("--role");
  expect(named.filter((flag) => !flags.has(flag))).toEqual([]);
});

test("the container copies files that exist or that its build makes", () => {
  const copied = [...read("Dockerfile").matchAll(/^COPY --from=build \/inkstone\/(.*) \S+$/gm)]
    .flatMap(([, paths]) => paths!.split(/ (?:\/inkstone\/)?/))
    .filter((path) => !["dist", "web/dist", "docs/dist", "node_modules"].includes(path));
  expect(copied).toContain("models");
  const tracked = execFileSync("git", ["ls-files", ...copied], { encoding: "utf8" });
  for (const path of copied) expect(tracked).toContain(path);
});

test("the container contains all built folders of the package that the server serves", () => {
  const { files } = JSON.parse(read("package.json")) as { files: string[] };
  const built = files.filter((path) => /(^|\/)dist$/.test(path));
  expect(built).toContain("docs/dist");
  for (const path of built) expect(read("Dockerfile")).toContain(`COPY --from=build /inkstone/${path} ${path}\n`);
});

test("the API server and workers on one machine listen on separate ports, whatever their common settings", () => {
  const command = (unit: string) => /^ExecStart=(.*)$/m.exec(read(`deploy/${unit}`))![1]!;
  const portOf = (worker: number) =>
    /--host 127\.0\.0\.1 --port (\d+)$/.exec(command("inkstone-worker@.service").replaceAll("%i", String(worker)))?.[1];
  const ports = [SETTINGS.port.field.parse(undefined), ...[0, 1, 9].map((worker) => Number(portOf(worker)))];
  expect(new Set(ports)).toEqual(new Set([7437, 7440, 7441, 7449]));
});

test("the grace of containers and units is longer than that of the server", () => {
  const grace = 30; // INKSTONE_SHUTDOWN_GRACE
  expect(SETTINGS.shutdownGrace.field.parse(undefined)).toBe(grace);
  const { services } = parse(read("compose.yaml"), { merge: true });
  for (const name of ["api", "worker"])
    expect(Number.parseInt(services[name].stop_grace_period, 10)).toBeGreaterThan(grace);
  for (const unit of ["inkstone.service", "inkstone-worker@.service"])
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(read(`deploy/${unit}`))![1])).toBeGreaterThan(grace);
  for (const document of parseAllDocuments(read("deploy/kubernetes.yaml"))) {
    const { kind, spec } = document.toJSON();
    if (kind !== "Deployment") continue;
    const { terminationGracePeriodSeconds, containers } = spec.template.spec;
    const given = containers[0].args.indexOf("--shutdown-grace");
    const own = given < 0 ? grace : Number(containers[0].args[given + 1]);
    const pause = Number(containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
    expect(terminationGracePeriodSeconds).toBeGreaterThan(own + pause);
  }
});

describe("metrics", () => {
  let server: ContractServer;
  let exported: Set<string>;
  beforeAll(async () => {
    server = await startContractServer();
    const headers = { Authorization: `Bearer ${server.key}`, "Content-Type": "application/json" };
    await fetch(server.httpUrl, {
      method: "POST",
      headers,
      body: JSON.stringify([
        {
          ...{ taskType: "imageInference", taskUUID: randomUUID(), model: "runware:108@1", positivePrompt: "tea" },
          ...{ width: 128, height: 128, steps: 2 },
        },
      ]),
    });
    const text = await (await fetch(`${server.base}/metrics`, { headers })).text();
    exported = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!));
  });
  afterAll(() => server.stop());

  /** Every PromQL expression of a file, with Grafana's interval in figures. */
  const expressions = {
    "deploy/alerts.yaml": () =>
      parse(read("deploy/alerts.yaml")).groups.flatMap((group: { rules: { expr: string }[] }) =>
        group.rules.map(({ expr }) => expr),
      ),
    "deploy/grafana.json": () =>
      JSON.parse(read("deploy/grafana.json")).panels.flatMap((panel: { targets: { expr: string }[] }) =>
        panel.targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m")),
      ),
  };

  test.each(Object.entries(expressions))("of %s exist, in valid expressions", (_file, list) => {
    const all: string[] = list();
    expect(all.length).toBeGreaterThan(5);
    for (const expression of all) {
      const named: string[] = [];
      parser.parse(expression).iterate({
        enter(node) {
          expect(node.type.isError, `${expression}, at ${node.from}`).toBe(false);
          if (node.name === "Identifier") named.push(expression.slice(node.from, node.to));
        },
      });
      const metrics = named.filter((name) => name.includes("_") || name === "up");
      expect(metrics, expression).not.toEqual([]);
      for (const metric of metrics) {
        if (metric === "up") continue; // made by Prometheus itself
        expect(exported, expression).toContain(metric.replace(/_(bucket|count|sum)$/, ""));
      }
    }
  });
});
