"""PyPI `runware`, any version, unmodified: generates, is refused, waits for a line while the server is killed, generates again."""

import asyncio
import json
import sys

from runware import IImageInference, Runware

SOCKET, KEY = sys.argv[1:]
TASK = dict(model="runware:108@1", positivePrompt="a red square", width=128, height=128)


async def draw(client, **changes):
    images = await asyncio.wait_for(client.imageInference(IImageInference(**{**TASK, **changes})), 60)
    return sorted(int(image.seed) for image in images)


def tell(step, value):
    print(json.dumps(dict(step=step, value=value)), flush=True)


async def main():
    client = Runware(api_key=KEY, url=SOCKET)
    await client.connect()
    tell("picture", await draw(client, seed=7))
    tell("three", await draw(client, seed=10, numberResults=3))
    try:
        tell("refusal", await draw(client, width=100))
    except Exception as error:
        tell("refusal", str(error))
    tell("waiting", True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for attempt in range(20):
        try:
            return tell("again", await draw(client, seed=8))
        except Exception as error:
            print(f"attempt {attempt}: {error}", file=sys.stderr)
            await asyncio.sleep(1)


asyncio.run(main())
