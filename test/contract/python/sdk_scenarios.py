"""Drives the newest official Python SDK (`runware-sdk`), unmodified; prints one JSON object for each scenario."""

import asyncio
import json
import sys

from runware import Runware

HTTP, SOCKET, KEY, WIDE, TALL = sys.argv[1:]
EDIT = {"model": "runware:108@20", "positivePrompt": "make it blue", "inputs": {"referenceImages": [WIDE]}, "steps": 5, "seed": 5}

SCENARIOS = {
    "picture": {"model": "runware:108@1", "positivePrompt": "a red square", "width": 128, "height": 128, "steps": 2, "seed": 7},
    "edit": EDIT,
    "edit of three": EDIT
    | {"model": "alibaba:qwen-image-edit@2511", "inputs": {"referenceImages": [WIDE, WIDE, TALL]}, "width": 512, "height": 512},
    "edit by slug": EDIT | {"model": "alibaba-qwen-image-edit"},
    "too many": EDIT | {"inputs": {"referenceImages": [WIDE, TALL]}},
}


async def main():
    for transport in ("websocket", "rest"):
        async with Runware(api_key=KEY, http_base_url=HTTP, ws_base_url=SOCKET, transport=transport) as client:
            for scenario, task in SCENARIOS.items():
                try:
                    outcome = dict(value=await asyncio.wait_for(client.run(task), 60))
                except Exception as error:
                    outcome = dict(failed=str(error), code=getattr(error, "code", None))
                print(json.dumps(dict(scenario=f"{transport}: {scenario}", **outcome), default=str), flush=True)


asyncio.run(main())
