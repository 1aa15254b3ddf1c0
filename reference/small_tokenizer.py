"""A small byte-level tokenizer in Qwen2's file format: vocab.json, merges.txt, tokenizer_config.json."""

import json
from collections import Counter
from pathlib import Path

import regex
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
CORPUS = TEMPLATE.format("A cat holding a sign that says hello world, a red fox in the snow, two cups of tea") * 2

# Qwen's added tokens in their order; those after <|video_pad|> are not special, but are also matched literally.
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
           "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
           "<|image_pad|>", "<|video_pad|>"]  # fmt: skip
LITERAL = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
           "<|repo_name|>", "<|file_sep|>"]  # fmt: skip


def byte_symbols() -> list[str]:
    """GPT-2's printable stand-in for every byte value."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    moved = (byte for byte in range(256) if byte not in kept)
    table = {byte: chr(byte) for byte in kept} | {byte: chr(256 + i) for i, byte in enumerate(moved)}
    return [table[byte] for byte in range(256)]


def train_merges(text: str, count: int) -> list[tuple[str, str]]:
    """Byte-pair merges of `text`, most frequent first, ties by name; fewer than `count` when no more merges are possible."""
    symbols = byte_symbols()
    for token in SPECIAL:
        text = text.replace(token, "\n")
    words = Counter(tuple(symbols[b] for b in w.encode()) for w in regex.findall(PRETOKENIZE_REGEX, text))
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = Counter({_merge(word, best): times for word, times in words.items()})
    return merges


def _merge(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    for symbol in word:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return tuple(merged)


def write_tokenizer_files(folder: Path, vocab: dict[str, int], merges: list[tuple[str, str]], added: dict[str, int]) -> None:
    """Writes the files of Qwen-Image's tokenizer folder; `added` maps added tokens to ids."""
    folder.mkdir(parents=True, exist_ok=True)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    (folder / "vocab.json").write_text(json.dumps(vocab, **compact) + "\n", encoding="utf-8")
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "merges.txt").write_text("#version: 0.2\n" + lines, encoding="utf-8")
    decoder = {
        str(i): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                 "special": token not in LITERAL}
        for token, i in added.items()
    }  # fmt: skip
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": SPECIAL[1:],
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 131072,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def write_tokenizer(folder: Path, merge_count: int) -> dict[str, int]:
    """Trains and writes a tokenizer; returns the ids of its added tokens."""
    merges = train_merges(CORPUS, merge_count)
    tokens = byte_symbols() + ["".join(pair) for pair in merges]
    vocab: dict[str, int] = {}
    for token in tokens:
        vocab.setdefault(token, len(vocab))
    added = {token: len(vocab) + i for i, token in enumerate(SPECIAL + LITERAL)}
    write_tokenizer_files(folder, vocab, merges, added)
    return added
