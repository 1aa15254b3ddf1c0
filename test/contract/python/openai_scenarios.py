"""The official `openai` package, unmodified: generates, edits and streams with a server that has a stand-in engine; prints its results as JSON."""

import base64
import json
import sys

import openai

base_url, key, picture = sys.argv[1:4]
client = openai.OpenAI(api_key=key, base_url=base_url, max_retries=0)
small = dict(prompt="step 40", extra_body={"steps": 30, "seed": 7})


def magic(b64):
    return base64.b64decode(b64)[:4].hex()


def events(stream):
    return [
        {"type": event.type, "magic": magic(event.b64_json), "index": getattr(event, "partial_image_index", None), "format": event.output_format}
        for event in stream
    ]


def refused(**changes):
    try:
        client.images.generate(**{**small, "size": "128x128", **changes})
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "param": error.param, "code": error.code}


plain = client.images.generate(prompt="a red square", size="128x128", extra_body={"steps": 2, "seed": 7})
with open(picture, "rb") as file:
    edited = client.images.edit(image=file, stream=True, partial_images=1, model="runware:108@1", **small)
    edits = events(edited)
print(
    json.dumps(
        {
            "plain": magic(plain.data[0].b64_json),
            "models": [model.id for model in client.models.list()],
            "generation": events(
                client.images.generate(size="128x128", stream=True, partial_images=2, output_format="webp", **small)
            ),
            "edit": edits,
            "badSize": refused(size="100x100"),
            "badModel": refused(model="acme:1@1", stream=True),
        }
    )
)
