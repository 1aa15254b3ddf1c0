/** What each client is put through: `draw` resolves with the seeds of the pictures. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const tell = (step, value) => console.log(JSON.stringify({ step, value }));

export async function steps(draw) {
  const seeds = async (changes) => (await draw(changes)).map(Number).sort((a, b) => a - b);
  tell("picture", await seeds({ seed: 7 }));
  tell("three", await seeds({ seed: 10, numberResults: 3 }));
  tell(
    "refusal",
    await seeds({ seed: 7, width: 100 }).catch((error) => JSON.stringify(error?.error ?? error?.message ?? error)),
  );
  tell("waiting", true);
  await once(process.stdin, "data");
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      tell("again", await seeds({ seed: 8 }));
      break;
    } catch (error) {
      console.error(`attempt ${attempt}: ${JSON.stringify(error)}`);
      await sleep(1000);
    }
  }
  process.exit(0);
}
