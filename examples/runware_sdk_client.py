"""The newer official client `runware-sdk`: only the two URLs are different."""

import asyncio
import os

from runware import Runware

url = os.environ.get("SERVER_URL", "http://127.0.0.1:7437")
urls = dict(http_base_url=f"{url}/v1", ws_base_url=f"{url.replace('http', 'ws')}/v1")


async def main():
    async with Runware(api_key="anything", **urls) as client:
        [image] = await client.run(
            {"model": "runware:108@1", "positivePrompt": 'A wooden sign that says "OPEN"', "width": 256, "height": 256}
        )
        print(image["imageURL"])


asyncio.run(main())
