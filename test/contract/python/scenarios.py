"""Drives the official Python client, unmodified; prints one JSON object for each scenario."""

import asyncio
import json
import sys
import time
import uuid

from runware import IImageInference, Runware

URL, KEY, PICTURE = sys.argv[1:]
TASK = dict(model="runware:108@1", positivePrompt="a red square", width=128, height=128, steps=2)


def request(**changes):
    return IImageInference(**{**TASK, **changes})


def shown(images):
    return [dict(seed=i.seed, imageURL=i.imageURL, imageUUID=i.imageUUID, cost=i.cost, base64=bool(i.imageBase64Data)) for i in images]


async def picture(client):
    return shown(await client.imageInference(request(numberResults=1, seed=73347, includeCost=True)))


async def three(client):
    return shown(await client.imageInference(request(numberResults=3, seed=10)))


async def parallel(client):
    first, second = await asyncio.gather(
        client.imageInference(request(numberResults=2, seed=100)),
        client.imageInference(request(numberResults=2, seed=200)),
    )
    return [shown(first), shown(second)]


async def error_of(coroutine):
    try:
        await coroutine
    except Exception as error:
        return getattr(error, "code", None) or str(error)
    return "no error"


async def parallel_failures(client):
    return await asyncio.gather(
        error_of(client.imageInference(request(width=100))),
        error_of(client.imageInference(request(steps=999))),
    )


async def edit(client):
    changes = dict(model="alibaba:qwen-image-edit@2511", referenceImages=[PICTURE, PICTURE], numberResults=1, seed=9)
    return shown(await client.imageInference(request(**changes)))


async def base64(client):
    return shown(await client.imageInference(request(outputType="base64Data", outputFormat="PNG")))


async def later(client):
    acknowledged = await client.imageInference(request(deliveryMethod="async", numberResults=2, seed=5))
    images = await client.getResponse(taskUUID=acknowledged.taskUUID, numberResults=2)
    return shown(images)


async def unknown(client):
    return await error_of(client.getResponse(taskUUID=str(uuid.uuid4())))


async def details(client):
    [image] = await client.imageInference(request(numberResults=1, seed=5))
    found = await client.getTaskDetails(taskUUID=image.taskUUID)
    [asked] = found.request
    return dict(prompt=asked.positivePrompt)


async def wrong_key():
    client = Runware(api_key="wrong", url=URL)
    try:
        await client.connect()
        await client.imageInference(request())
    except Exception as error:
        return str(error)
    finally:
        await client.disconnect()


async def main():
    client = Runware(api_key=KEY, url=URL)
    await client.connect()
    for scenario in (picture, three, parallel, parallel_failures, edit, base64, later, unknown, details):
        await report(scenario.__name__, scenario(client))
    await client.disconnect()
    await report("wrong_key", wrong_key())


async def report(name, coroutine):
    before = time.monotonic()
    try:
        outcome = dict(value=await asyncio.wait_for(coroutine, 60))
    except Exception as error:
        outcome = dict(failed=f"{type(error).__name__}: {error}")
    print(json.dumps(dict(scenario=name, seconds=time.monotonic() - before, **outcome)), flush=True)


asyncio.run(main())
