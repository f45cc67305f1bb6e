"""How a token is drawn from what a model predicts: which tokens may be drawn, and how they are called."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from worker.errors import SettingsError

_FORMS: Final = "pure, top-k=40, nucleus=0.9, or both as in top-k=50,nucleus=0.99"


class Sampling(Struct, frozen=True, kw_only=True):
    """Which tokens may be drawn; with neither, all of them (pure sampling).

    Attributes:
        top_k: only so many of the most probable (Fan et al., 2018).
        top_p: only the fewest of the most probable that together have this probability (nucleus sampling;
            Holtzman et al., 2020), of those that `top_k` leaves.
    """

    top_k: int | None = None
    top_p: float | None = None

    def label(self, temperature: float) -> str:
        """What a line's `sampling` calls it: `temperature=1`, `top_k=40`, `top_p=0.9,temperature=0.8`."""
        parts = []
        if self.top_p is not None:
            parts.append(f"top_p={self.top_p:g}")
        if self.top_k is not None:
            parts.append(f"top_k={self.top_k}")
        if temperature != 1 or not parts:
            parts.append(f"temperature={temperature:g}")
        return ",".join(parts)


def parse_sampling(text: str) -> Sampling:
    """The sampling that `pure`, `top-k=40`, `nucleus=0.9` or the latter two with a comma name.

    Raises:
        SettingsError: it names none.
    """
    if text == "pure":
        return Sampling()
    top_k: int | None = None
    top_p: float | None = None
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            if name == "top-k" and top_k is None and int(value) >= 1:
                top_k = int(value)
                continue
            if name == "nucleus" and top_p is None and 0 < float(value) < 1:
                top_p = float(value)
                continue
        except ValueError:
            pass
        raise SettingsError(f"generate: --sampling {text!r} is unknown; it is {_FORMS}")
    return Sampling(top_k=top_k, top_p=top_p)
