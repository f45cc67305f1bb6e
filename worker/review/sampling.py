"""Which flags go to two people, of which the score is hidden, and when a known text is put in between.

All follow from a digest, not from a draw: a queue that is built again asks the same of the same people, and
nobody can tell from a flag which kind it is.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_SPAN: Final = 2**64


def share_of(*parts: str) -> float:
    """A number in [0, 1) that these words alone decide, even over their values."""
    written = "".join(f"{len(part)}:{part}" for part in parts)
    digest = blake2b(written.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) / _SPAN


def reviewers_needed(flag_id: str, double_share: float) -> int:
    """How many people have to decide on a flag: two for that share of flags, else one."""
    return 2 if share_of("double", flag_id) < double_share else 1


def is_drawn_hidden(reviewer: str, flag_id: str, hide_share: float) -> bool:
    """Whether a flag's score is hidden from a reviewer, of a share of flags from which it is."""
    return share_of("hide", reviewer, flag_id) < hide_share


def known_is_due(reviewer: str, entries: int, known_share: float) -> bool:
    """Whether a reviewer's next text is to be one whose author is known.

    Args:
        reviewer: who asks.
        entries: how many entries the reviewer has made so far, on all flags.
        known_share: the share of texts that are to be known ones.
    """
    return share_of("known", reviewer, str(entries)) < known_share
