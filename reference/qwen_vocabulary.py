"""Ids in Qwen's vocabulary, and the part of it that the test strings need."""

import base64
import importlib.util
import json
import unicodedata
from pathlib import Path

import regex
from transformers import AddedToken, Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from checkpoints import write_json
from small_tokenizer import LITERAL, SPECIAL, TEMPLATE, byte_symbols, write_tokenizer_files

ADDED = {token: 151643 + i for i, token in enumerate(SPECIAL + LITERAL)}

PROMPTS = [
    # The specification's vectors.
    "A cat holding a sign that says hello world",
    "",
    " ",
    "一只猫拿着写着“你好”的牌子 123 it's  two  spaces\n\nnew",
    # Special tokens typed by a user.
    "before<|im_end|>\n<|im_start|>assistant\nafter",
    "<|endoftext|>",
    "<tool_call>{\"a\": 1}</tool_call> <|fim_prefix|><|file_sep|>",
    "<|im_start|",
    # Unicode normalisation: decomposed letters, a Hangul syllable in parts, the ohm sign.
    "cafe\u0301 nai\u0308ve",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 5 \u2126",
    # Digits are separate tokens; other numerals too.
    "1234567890 3.14 ½ ² Ⅷ ٣",
    # Scripts.
    "東京タワーの夜景、浮世絵風",
    "Москва́ зимой, фото",
    "قطة تحمل لافتة",
    "बिल्ली की तस्वीर",
    # Emoji with joiners, skin tone and flag.
    "👩‍👩‍👧‍👦 👍🏽 🇨🇳 ❤️",
    # White space at the start joins the template's newline.
    "\n\nposter",
    "   \n  three lines\r\n\r\n\tend  ",
    "trailing spaces   ",
    # Contractions in either case, and the long s that case folding lets in.
    "It's I'M they'Re we'vE he'LL she'd 'ſ don't O'Reilly",
    # White space traps: next line, zero-width no-break space, no-break and ideographic space, line separator.
    "a\u0085b \u0085 c",
    "a\ufeffb \ufeff c",
    "x\u00a0y\u3000z\u2028w\u200bv",
    "\u001cfile\u001fsep\u000bvt\u000cff",
    # Punctuation runs, code, a path, an underscore.
    "!!!??? --- *** ({[<>]}) a_b_c C:\\x\\y /usr/bin; foo(bar)=>{}\n",
    "ＦＵＬＬ ｗｉｄｔｈ ﬁ ligature",
    "\U0001d54f \U00020000 \U0010fffd",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Ultra HD, 4K, cinematic composition. 超清，4K，电影级构图。",
    # Longer than the limit of 1058 ids.
    " ".join(["a red fox, in the snow;"] * 180),
]  # fmt: skip


# `prompt_template_encode` of the editing pipelines.
EDIT_TEMPLATE = (
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, background), "
    "then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the "
    "user's requirements while maintaining consistency with the original input where appropriate.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
SEEN = "<|vision_start|><|image_pad|><|vision_end|>"
# The content of the template, by editing pipeline.
EDITS = [
    ("QwenImageEditPipeline", SEEN + "make the cat red"),
    ("QwenImageEditPipeline", SEEN),
    ("QwenImageEditPipeline", SEEN + " "),
    ("QwenImageEditPlusPipeline", f"Picture 1: {SEEN}Picture 2: {SEEN}make the cat red"),
    ("QwenImageEditPlusPipeline", f"Picture 1: {SEEN}\n<|image_pad|> put the hat of picture 1 on it"),
]


def load_ranks() -> dict[bytes, int]:
    """Qwen's tokens by rank, from the file in the dashscope package."""
    package = importlib.util.find_spec("dashscope")
    if package is None or package.submodule_search_locations is None:
        raise SystemExit("pip install --no-deps dashscope: it carries Qwen's vocabulary")
    file = Path(package.submodule_search_locations[0]) / "resources" / "qwen.tiktoken"
    lines = (line.split() for line in file.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def merge(ranks: dict[bytes, int], token: bytes, below: int | None = None) -> list[bytes]:
    """Byte-pair encodes `token` by the lowest rank first, with ranks smaller than `below` only."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 1:
        candidates = [(ranks.get(a + b, 1 << 60), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
        rank, index = min(candidates)
        if rank >= (1 << 60 if below is None else below):
            break
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts


def ingredients(ranks: dict[bytes, int], word: bytes) -> set[bytes]:
    """Every token that occurs while `word` is merged."""
    parts = [word[i : i + 1] for i in range(len(word))]
    found = set(parts)
    while len(parts) > 1:
        rank, index = min((ranks.get(a + b, 1 << 60), i) for i, (a, b) in enumerate(zip(parts, parts[1:])))
        if rank == 1 << 60:
            break
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
        found.add(parts[index])
    return found


def full_tokenizer(ranks: dict[bytes, int]) -> Qwen2Tokenizer:
    vocab, merges = files_of(ranks, ranks.keys())
    return _tokenizer(vocab, merges)


def _tokenizer(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Qwen2Tokenizer:
    # With the added tokens in the model's own table they keep their ids for any size of the vocabulary.
    tokenizer = Qwen2Tokenizer(vocab=vocab | ADDED, merges=merges)
    tokenizer.add_tokens([AddedToken(token, special=token not in LITERAL, normalized=False) for token in ADDED])
    assert tokenizer.convert_tokens_to_ids(list(ADDED)) == list(ADDED.values())
    return tokenizer


def files_of(ranks: dict[bytes, int], tokens) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The content of vocab.json and merges.txt for the tokens, in rank order, with Qwen's ids."""
    symbols = byte_symbols()
    text = lambda token: "".join(symbols[byte] for byte in token)  # noqa: E731
    ordered = sorted(tokens, key=ranks.__getitem__)
    vocab = {text(token): ranks[token] for token in ordered}
    splits = [merge(ranks, token, ranks[token]) for token in ordered if len(token) > 1]
    assert all(len(split) == 2 for split in splits)
    return vocab, [(text(left), text(right)) for left, right in splits]


def needed_tokens(ranks: dict[bytes, int], texts: list[str]) -> set[bytes]:
    """All single bytes, and every token that occurs while the texts are encoded."""
    found = {bytes([byte]) for byte in range(256)}
    literals = "|".join(regex.escape(token) for token in sorted(ADDED, key=len, reverse=True))
    for text in texts:
        for segment in regex.split(literals, text):
            for word in set(regex.findall(PRETOKENIZE_REGEX, unicodedata.normalize("NFC", segment))):
                found |= ingredients(ranks, word.encode())
    return found


def write_qwen_tokenizer(folder: Path) -> None:
    """Writes the reduced vocabulary, and `expected.json` with every prompt's ids in the full one."""
    ranks = load_ranks()
    full = full_tokenizer(ranks)
    texts = [TEMPLATE.format(prompt) for prompt in PROMPTS]
    edits = [EDIT_TEMPLATE.format(text) for _, text in EDITS]
    encode = lambda tokenizer, text: tokenizer(text, max_length=1024 + 34, truncation=True).input_ids  # noqa: E731
    expected = [encode(full, text) for text in texts]
    edited = [encode(full, text) for text in edits]
    vocab, merges = files_of(ranks, needed_tokens(ranks, texts + edits))
    pruned = _tokenizer(vocab, merges)
    assert [encode(pruned, text) for text in texts + edits] == expected + edited
    write_tokenizer_files(folder, vocab, merges, ADDED)
    cases = [{"prompt": prompt, "ids": ids} for prompt, ids in zip(PROMPTS, expected)]
    _write_cases(folder / "expected.json", cases)
    # Each image is one token here; the prompt follows the last of them.
    edit_cases = [
        {"pipeline": pipeline, "images": text.count(SEEN), "prompt": text.rsplit(SEEN, 1)[1], "ids": ids}
        for (pipeline, text), ids in zip(EDITS, edited)
    ]
    _write_cases(folder / "expected-edits.json", edit_cases)


def _write_cases(path: Path, cases: list[dict]) -> None:
    path.write_text("[\n" + ",\n".join("  " + _compact(case) for case in cases) + "\n]\n", encoding="utf-8")


def _compact(value: object) -> str:
    return json.dumps(value)
