"""Builds the tokenizer: Qwen2 format, byte-level, caption words as one token each, quoted text letter by letter.

Caption words are (non-special) added tokens that include their leading space, so a word inside quotes, which has no space in front, is
spelled. The words of the chat template are single tokens, so that its prefix is exactly 34 ids.
"""

import json
import os
import re
import sys

import numpy as np

from captions import BG_WORDS, ENDINGS, MATERIAL_ADJ, OPENERS, PLACES, SHAPE_WORDS, STYLE_WORDS, caption
from drawing import COLOR_NAMES
from scenes import HANZI, ICON_NAMES, sample_scene

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "..", "test", "contract", "examples")    # four tasks of the API page
PREFIX = ("<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the "
          "objects and background:<|im_end|>\n<|im_start|>user\n")
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
           "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
VOCAB_SIZE = 2048

# more words of prompts; they do not affect the image, but each is one token and the model learns to ignore it
EXTRA = """all also amber another antique any are around artisan atmosphere autumn awning baker basket bear behind beside between big board book boots
bottle bottom bowl box brass bright bronze brush brushed building business calm candle canvas carved cat ceramic charming chocolate cinematic
city classic clean clear close coastal cold colorful colors composition concrete cool corner country cover cozy crisp cup dark decorated deep design
detail detailed display door dramatic each early edge elegant engraved evening every fancy fantasy farm faded field film fine flat floral forest four frame
framed fresh friendly from front fruit full garden gentle giant glass glossy glow glowing golden gradient grain grand grass green ground hand hanging harvest
has have heavy hill his home honey huge illustration image inside inviting ivory jade jar jungle kitchen lake lamp lantern large layout left legible letter
light lighting lights like line lines little logo long lovely low luxury main man marble market mat matte menu metal middle minimal modern morning
mountain mural narrow natural near neat neon new nice night ocean old one open ornate outside over package packaging paint painted painting pastel pattern perfect
person photo photograph photography picture plastic plate polished portrait premium pretty print product quality quiet rain realistic refined restaurant retro
rich right river road romantic room rope rose rough round rustic rusty sand scene sea seal sharp shelf shiny shop sidewalk silk simple single sky small smooth
snow soft some spring square stall stamp steel storefront street striped studio style summer sun sunny sunset symmetrical table tall thick thin three
tile tin tiny title top town traditional tree two under urban very village vintage vivid wall warm wavy weathered wide window wine winter with without woman
wood wooden words worn writing written young""".split()


def example_words():
    out = []
    for name in sorted(os.listdir(EXAMPLES)):
        request = json.load(open(os.path.join(EXAMPLES, name), encoding="utf-8"))["request"]
        for text in (request["positivePrompt"], request["negativePrompt"]):
            text = re.sub(r"\"[^\"]*\"|'[^']*'", " ", text)
            out += re.findall(r"(?<= )[a-z]{3,}", text)
    return out


def caption_words():
    words = []
    for group in (BG_WORDS, MATERIAL_ADJ, SHAPE_WORDS, STYLE_WORDS):
        for v in group.values():
            words += v
    words += COLOR_NAMES + ICON_NAMES + ENDINGS + OPENERS + PLACES
    out = []
    for w in words:
        out += re.findall("[a-z]+", w.lower())
    rng = np.random.default_rng(5)
    for _ in range(4000):
        s = sample_scene(rng, 128, 128, 1, 8, 3, 0.0, 0.5)
        c = re.sub(r"\"[^\"]*\"|'[^']*'|“[^”]*”", " ", caption(s, rng))
        out += re.findall(r"(?<= )[a-z]+", c)
    return out


def bytes_to_unicode():
    bs = list(range(ord("!"), ord("~") + 1)) + list(range(ord("¡"), ord("¬") + 1)) + list(range(ord("®"), ord("ÿ") + 1))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b)
            cs.append(256 + n)
            n += 1
    return dict(zip(bs, map(chr, cs)))


def build(out, words_file):
    """`words_file` fixes the list of words (it is part of the checkpoint: an id must never change its meaning); it is made if missing."""
    b2u = bytes_to_unicode()
    if os.path.exists(words_file):
        words = open(words_file, encoding="utf-8").read().split()
    else:
        template = re.findall(r"(?<= )[a-z]+", PREFIX)
        words = list(dict.fromkeys(template + caption_words() + example_words() + EXTRA))
        open(words_file, "w", encoding="utf-8").write("\n".join(words) + "\n")
    vocab = {b2u[b]: i for i, b in enumerate(sorted(b2u, key=lambda b: ord(b2u[b])))}
    merges = []

    def merge(a, b):
        if a + b not in vocab:
            vocab[a + b] = len(vocab)
            merges.append(f"{a} {b}")

    enc = lambda s: "".join(b2u[b] for b in s.encode())
    for c in ['"', "'", "“"]:                                             # a space and an opening quote
        e = enc(c)
        for i in range(1, len(e)):
            merge(e[:i], e[i])
        merge(enc(" "), e)
    for c in ["”", "‘", "’", "，", "。", "：", "、"] + HANZI:
        e = enc(c)
        merge(e[0], e[1])
        merge(e[:2], e[2])
    os.makedirs(out, exist_ok=True)
    json.dump(vocab, open(os.path.join(out, "vocab.json"), "w", encoding="utf-8"), ensure_ascii=False)
    open(os.path.join(out, "merges.txt"), "w", encoding="utf-8").write("#version: 0.2\n" + "\n".join(merges) + "\n")
    added, decoder = {}, {}
    tokens = [(t, True) for t in SPECIAL] + [(t, False) for t in ["system", "Describe", "user", "assistant"]] + [(" " + w, False) for w in words]
    for i, (t, special) in enumerate(tokens):
        k = len(vocab) + i
        assert k < VOCAB_SIZE, "too many words"
        added[t] = k
        decoder[str(k)] = {"content": t, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": special}
    json.dump(added, open(os.path.join(out, "added_tokens.json"), "w", encoding="utf-8"), ensure_ascii=False, indent=1)
    json.dump({"add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": decoder, "additional_special_tokens": SPECIAL[1:], "bos_token": None,
               "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 2048, "pad_token": "<|endoftext|>",
               "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None},
              open(os.path.join(out, "tokenizer_config.json"), "w", encoding="utf-8"), ensure_ascii=False, indent=1)
    json.dump({"additional_special_tokens": SPECIAL[1:], "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
              open(os.path.join(out, "special_tokens_map.json"), "w", encoding="utf-8"), indent=1)
    print(f"{len(vocab)} base tokens, {len(merges)} merges, {len(tokens)} added tokens, highest id {len(vocab) + len(tokens) - 1}")


def check(out):
    from transformers import AutoTokenizer
    t = AutoTokenizer.from_pretrained(out)
    assert len(t(PREFIX)["input_ids"]) == 34, len(t(PREFIX)["input_ids"])
    for p in ["x", " ", "", "A sign", '"A"']:
        ids = t(PREFIX + p + SUFFIX)["input_ids"]
        assert ids[:34] == t(PREFIX)["input_ids"] and max(ids) < VOCAB_SIZE
        assert len(ids) - 34 == len(t(p)["input_ids"]) + 5, p
        assert t.decode(ids) == PREFIX + p + SUFFIX
    for p in ['a cozy bakery sign that says "FRESH BREAD" in white serif letters on dark green wood', "a tin 'plum danish', “运河乌龙” below"]:
        print(t.convert_ids_to_tokens(t(p)["input_ids"]))


if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "tokenizer")
    build(out, os.path.join(HERE, "words.txt"))
    check(out)
