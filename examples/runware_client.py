"""The official client `runware`: only the URL is different."""

import asyncio
import os

from runware import IImageInference, Runware

url = os.environ.get("SERVER_URL", "http://127.0.0.1:7437").replace("http", "ws")


async def main():
    runware = Runware(api_key="anything", url=f"{url}/v1")
    await runware.connect()
    images = await runware.imageInference(
        IImageInference(
            positivePrompt='A wooden sign that says "OPEN"', model="runware:108@1", width=256, height=256, numberResults=2
        )
    )
    for image in images:
        print(image.imageURL)
    await runware.disconnect()


asyncio.run(main())
