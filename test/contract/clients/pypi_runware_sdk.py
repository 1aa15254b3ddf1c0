"""PyPI `runware-sdk`, unmodified, over WebSocket or REST: the same steps as `pypi_runware.py`."""

import asyncio
import json
import sys

from runware import Runware

HTTP, SOCKET, KEY, TRANSPORT = sys.argv[1:]
TASK = {"model": "runware:108@1", "positivePrompt": "a red square", "width": 128, "height": 128}


def tell(step, value):
    print(json.dumps(dict(step=step, value=value)), flush=True)


async def main():
    async with Runware(api_key=KEY, http_base_url=HTTP, ws_base_url=SOCKET, transport=TRANSPORT) as client:

        async def draw(**changes):
            images = await asyncio.wait_for(client.run({**TASK, **changes}), 60)
            return sorted(int(image["seed"]) for image in images)

        tell("picture", await draw(seed=7))
        tell("three", await draw(seed=10, numberResults=3))
        try:
            tell("refusal", await draw(width=100))
        except Exception as error:
            tell("refusal", str(error))
        tell("waiting", True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for attempt in range(20):
            try:
                return tell("again", await draw(seed=8))
            except Exception as error:
                print(f"attempt {attempt}: {error}", file=sys.stderr)
                await asyncio.sleep(1)


asyncio.run(main())
