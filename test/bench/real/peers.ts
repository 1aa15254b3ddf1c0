import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { type Command, Drawer } from "../drawer.ts";

/** Tokens of the prompt that every contender is fed. */
export const TEXT_TOKENS = 16;

/** What one turn of a contender took. The processor's time is what stays comparable when others use the machine too. */
export interface Turn {
  readonly seconds: number;
  readonly processor: number;
}

export interface PeerOptions {
  readonly python: string;
  readonly sides: readonly number[];
  readonly threads: number;
  /** Turns of each contender; the fastest counts. */
  readonly turns: number;
  /** Which peers, by a part of their name. Default: all. */
  readonly only?: string | undefined;
}

type Stage = "pass" | "decode";

interface Peer {
  readonly name: string;
  readonly stages: readonly Stage[];
  readonly args: readonly string[];
}

const PEERS: readonly Peer[] = [
  { name: "diffusers BF16", stages: ["pass", "decode"], args: ["diffusers", "--dtype", "bfloat16"] },
  { name: "diffusers float32", stages: ["decode"], args: ["diffusers", "--dtype", "float32"] },
  { name: "stable-diffusion.cpp Q8_0", stages: ["pass"], args: ["sdcpp", "--type", "q8_0"] },
  { name: "stable-diffusion.cpp Q4_0", stages: ["pass"], args: ["sdcpp", "--type", "q4_0"] },
];

/**
 * Passes and decodings in turns with each peer, A B A B, both loaded and warm: a busy moment meets both. Prints a row as soon as it is
 * known, because a row of 1024² takes minutes.
 * @param checkpoint in int8
 */
export async function comparePeers(checkpoint: string, options: PeerOptions): Promise<void> {
  const { python, sides, threads, turns, only = "" } = options;
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `\n${cpus().length} × ${cpus()[0]!.model}, load ${load}, ${threads} threads; the least of ${turns} turns each\n`,
  );
  console.log("| | size | peer | its clock | Inkstone's | ratio | its processor | Inkstone's | ratio |");
  console.log("| --- ".repeat(9).concat("|"));
  for (const side of sides) {
    for (const { name, stages, args } of PEERS.filter((peer) => peer.name.includes(only))) {
      for (const stage of stages) {
        const common = [
          "--model",
          checkpoint,
          "--stage",
          stage,
          "--side",
          String(side),
          "--threads",
          String(threads),
          "--turns",
          String(turns),
        ];
        const theirs = { file: python, args: [path("../../../reference/real_peers.py"), ...args, ...common] };
        const label = stage === "pass" ? "a pass" : "decode";
        for (const mapped of stage === "pass" && name.startsWith("diffusers") ? [false, true] : [false]) {
          const ours = ourCommand(checkpoint, stage, side, threads, mapped);
          const [peer, inkstone] = await inTurns([theirs, ours], turns);
          const cells = (measure: keyof Turn) => [
            `${peer![measure].toFixed(2)} s`,
            `${inkstone![measure].toFixed(2)} s`,
            `**${(peer![measure] / inkstone![measure]).toFixed(2)}×**`,
          ];
          const what = mapped ? `${label}, ours from the mapped file` : label;
          console.log(`| ${[what, `${side}²`, name, ...cells("seconds"), ...cells("processor")].join(" | ")} |`);
        }
      }
    }
  }
}

function ourCommand(checkpoint: string, stage: Stage, side: number, threads: number, mapped: boolean): Command {
  const args = [path("turns.ts"), checkpoint, stage, String(side), String(threads)];
  return { file: process.execPath, args: mapped ? [...args, "mapped"] : args };
}

/** @returns the least that each took */
async function inTurns(commands: readonly Command[], turns: number): Promise<Turn[]> {
  const drawers: Drawer[] = [];
  try {
    for (const command of commands) drawers.push(await Drawer.start(command));
    const least: Turn[] = drawers.map(() => ({
      seconds: Number.POSITIVE_INFINITY,
      processor: Number.POSITIVE_INFINITY,
    }));
    for (let turn = 0; turn < turns; turn++) {
      for (const [i, drawer] of drawers.entries()) {
        const { seconds, processor } = await drawer.ask<Turn>({ turn });
        least[i] = {
          seconds: Math.min(seconds, least[i]!.seconds),
          processor: Math.min(processor, least[i]!.processor),
        };
      }
    }
    return least;
  } finally {
    await Promise.all(drawers.map((drawer) => drawer.stop()));
  }
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
