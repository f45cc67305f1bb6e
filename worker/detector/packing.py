"""Which texts run together: packs of about equal work, enough for every stream."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# At about 500 rows a matrix product runs at the machine's full rate; with more, what stands between the
# products no longer finds its rows in the processor's caches.
PACK_TOKENS: Final = 512
# Below this a pack is not worth another stream: its products would run at a fraction of the rate.
_LEAST_TOKENS: Final = 64


def balanced_packs(lengths: Sequence[int], streams: int) -> list[list[int]]:
    """Shares texts out to packs so that all streams end at about the same time.

    Args:
        lengths: tokens of each text.
        streams: how many packs run at a time.

    Returns:
        Places in `lengths`, pack by pack, the largest packs first; each place once.
    """
    if not lengths:
        return []
    total = sum(lengths)
    rounds = max(1, round(total / (PACK_TOKENS * streams)))
    wanted = max(1, min(rounds * streams, total // _LEAST_TOKENS, len(lengths)))
    packs: list[list[int]] = [[] for _ in range(wanted)]
    loads = [(0, pack) for pack in range(wanted)]
    # The longest first, each to the lightest pack: never more than 4/3 of the best (Graham, 1969).
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        load, pack = heapq.heappop(loads)
        packs[pack].append(place)
        heapq.heappush(loads, (load + lengths[place], pack))
    return [packs[pack] for _, pack in sorted(loads, key=lambda one: (-one[0], one[1]))]


def filled_packs(
    lengths: Sequence[int], most_tokens: int, most_texts: Callable[[int], int]
) -> list[list[int]]:
    """Fills packs of a fixed size, the longest texts first: for devices that run one shape whatever it holds.

    Args:
        lengths: tokens of each text, none above `most_tokens`.
        most_tokens: a pack's size.
        most_texts: how many texts a pack may hold whose longest has so many tokens.

    Returns:
        Places in `lengths`, pack by pack, in each the longest first; each place once.
    """
    packs: list[list[int]] = []
    tokens = most_tokens
    room = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        if tokens + lengths[place] > most_tokens or not room:
            packs.append([])
            tokens, room = 0, most_texts(lengths[place])
        packs[-1].append(place)
        tokens += lengths[place]
        room -= 1
    return packs
