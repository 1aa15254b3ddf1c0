"""The diffusers side of the benchmark: loads a checkpoint once, then generates an image for every line of JSON on stdin.

    python reference/bench.py --model DIR --dtype float32|bfloat16
    python reference/bench.py --model DIR --dtype … --once '{"prompt": …}' --out FILE.png

`npm run bench -- --peer PYTHON` runs it; the messages are described in `test/bench/drawer.ts`.
"""

import argparse
import json
import os
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from diffusers import QwenImagePipeline  # noqa: E402


class Stopwatch:
    """Adds up the time spent in the pipeline's networks."""

    def __init__(self, pipe: QwenImagePipeline) -> None:
        self.reset()
        pipe.text_encoder.forward = self._timed("text", pipe.text_encoder.forward)
        pipe.transformer.forward = self._timed("transformer", pipe.transformer.forward)
        pipe.vae.decode = self._timed("decode", pipe.vae.decode)

    def _timed(self, name: str, call):
        def timed(*args, **kwargs):
            start, busy = time.perf_counter(), time.process_time()
            result = call(*args, **kwargs)
            self.seconds[name] += time.perf_counter() - start
            if name == "transformer":
                self.seconds["transformerProcessor"] += time.process_time() - busy
            return result

        return timed

    def reset(self) -> None:
        self.seconds = dict.fromkeys(("text", "transformer", "transformerProcessor", "decode"), 0.0)


@torch.inference_mode()
def draw(pipe: QwenImagePipeline, job: dict):
    """One image, as a PIL image."""
    return pipe(
        prompt=job["prompt"],
        negative_prompt=job["negativePrompt"],
        true_cfg_scale=job["guidance"],
        width=job["width"],
        height=job["height"],
        num_inference_steps=job["steps"],
        generator=torch.Generator("cpu").manual_seed(job["seed"]),
    ).images[0]


def serve(pipe: QwenImagePipeline, load: float) -> None:
    print(json.dumps({"load": load}), flush=True)
    stopwatch = Stopwatch(pipe)
    for line in sys.stdin:
        stopwatch.reset()
        start, busy = time.perf_counter(), time.process_time()
        draw(pipe, json.loads(line))
        total, processor = time.perf_counter() - start, time.process_time() - busy
        print(json.dumps({"total": total, "processor": processor} | stopwatch.seconds), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--once", help="one job as JSON; generate it, write --out and exit")
    parser.add_argument("--out")
    arguments = parser.parse_args()

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    pipe = QwenImagePipeline.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype))
    pipe.set_progress_bar_config(disable=True)
    load = time.perf_counter() - start
    if arguments.once is None:
        serve(pipe, load)
    else:
        draw(pipe, json.loads(arguments.once)).save(arguments.out)
        print(arguments.out, flush=True)


if __name__ == "__main__":
    main()
