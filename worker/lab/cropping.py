"""Short pieces of longer texts: posts are short, and what texts are collected often is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from random import Random

    from worker.lab.corpus import Sample

_SHORTEST: Final = 20
_WORTH_CROPPING: Final = 80


def cropped(sample: Sample, random: Random) -> Sample | None:
    """A piece of the sample between two words, None where it is short already.

    The logarithm of the length is uniform between 20 characters and the whole, so that every size of post is
    met about as often.
    """
    text = sample.text
    if len(text) < _WORTH_CROPPING:
        return None
    length = int(math.exp(random.uniform(math.log(_SHORTEST), math.log(len(text)))))
    begin = text.rfind(" ", 0, random.randint(1, len(text) - length + 1)) + 1
    end = text.find(" ", begin + length)
    return replace(sample, text=text[begin : end if end > 0 else len(text)])
