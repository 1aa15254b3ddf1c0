"""What a training consists of: kinds of samples, one a row of a table in plans/. Each step takes one kind."""

import csv
from typing import NamedTuple


class Kind(NamedTuple):
    """Samples of one size."""

    width: int
    height: int
    keep: int                                                              # image tokens of a sample that take part, in one piece around lettering; 0: all
    batch: int                                                             # samples a step
    micro: int                                                             # samples a pass; gradients add up to a batch (small passes stay in the cache)
    text_len: int                                                          # text tokens, padded
    long: float                                                            # share of captions with filler sentences around, as many as text_len has room for
    shift: float                                                           # of the noise levels towards noise; larger for larger pictures
    min_len: int                                                           # letters a line
    max_len: int
    min_lines: int
    max_lines: int
    fewest: float                                                          # share of signs with min_lines for certain; the others have up to max_lines
    hanzi: float                                                           # share of lines that are Chinese
    icons: float                                                           # share of signs with a pictogram
    share: float                                                           # of the steps, beside the other kinds'
    last_share: float                                                      # the same in the last part of the time

    @property
    def tokens(self):
        """Image tokens of a sample."""
        return self.keep or self.width * self.height // 256


def read(path):
    """The kinds of a table with the columns above."""
    with open(path, encoding="utf-8") as f:
        return [Kind(**{name: kind(row[name]) for name, kind in Kind.__annotations__.items()}) for row in csv.DictReader(f)]
