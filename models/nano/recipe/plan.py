"""The content of a training: kinds of samples, the rows of a table in plans/. Each step takes one kind."""

import csv
from typing import NamedTuple


class Kind(NamedTuple):
    """Samples of one size."""

    width: int
    height: int
    keep: int                                                              # image tokens of a sample in use, in one piece around lettering; 0: all
    batch: int                                                             # samples in a step
    micro: int                                                             # samples in a pass; gradients add up to a batch (small passes stay in the cache)
    text_len: int                                                          # text tokens, padded
    long: float                                                            # share of captions with as many filler sentences as fit into text_len
    shift: float                                                           # of the noise levels towards noise; larger for larger images
    min_len: int                                                           # letters in a line
    max_len: int
    min_lines: int
    max_lines: int
    fewest: float                                                          # share of signs with exactly min_lines; the others have up to max_lines
    hanzi: float                                                           # share of lines that are Chinese
    icons: float                                                           # share of signs with a pictogram
    share: float                                                           # share of the steps, relative to the other kinds
    last_share: float                                                      # the same in the last part of the time

    @property
    def tokens(self):
        """Image tokens of a sample."""
        return self.keep or self.width * self.height // 256


def read(path):
    """The kinds of a table with the columns above."""
    with open(path, encoding="utf-8") as f:
        return [Kind(**{name: kind(row[name]) for name, kind in Kind.__annotations__.items()}) for row in csv.DictReader(f)]
