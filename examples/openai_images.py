"""OpenAI's client, with the server's address as its base URL."""

import base64
import os

import openai

url = os.environ.get("SERVER_URL", "http://127.0.0.1:7437")
client = openai.OpenAI(api_key="anything", base_url=f"{url}/v1")
reply = client.images.generate(model="runware:108@1", prompt='A red sign that says "TEA"', size="256x256")
with open("tea.png", "wb") as file:
    file.write(base64.b64decode(reply.data[0].b64_json))
print("tea.png")
