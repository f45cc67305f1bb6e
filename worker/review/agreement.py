"""How far people agree, beyond what chance alone would bring about."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa (1960) of two people: 1 for full agreement, 0 for as much as by chance.

    None where it is not defined: no pair, or both said one and the same thing throughout.

    Args:
        pairs: what the first and what the second said of the same text.
    """
    if not pairs:
        return None
    total = len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(first[value] * second[value] for value in first) / total**2
    if expected == 1:
        return None
    agreed = sum(one == other for one, other in pairs) / total
    return (agreed - expected) / (1 - expected)


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal values (Krippendorff 2004, chapter 11), any number of people a text.

    Texts of which fewer than two people said something tell nothing and are passed over. None where it is not
    defined: no text is left, or everybody said one and the same thing throughout.

    Args:
        units: what was said of each text.
    """
    weight: dict[tuple[str, str], float] = {}
    for unit in units:
        values = Counter(unit)
        size = len(unit)
        if size < 2:  # noqa: PLR2004 - agreement takes two
            continue
        for one, ones in values.items():
            for other, others in values.items():
                pairs = ones * (others - (one == other))
                weight[one, other] = weight.get((one, other), 0.0) + pairs / (size - 1)
    total = sum(weight.values())
    if not total:
        return None
    sums: dict[str, float] = {}
    for (one, _), amount in weight.items():
        sums[one] = sums.get(one, 0.0) + amount
    expected = total**2 - sum(amount**2 for amount in sums.values())
    if not expected:
        return None
    observed = sum(amount for (one, other), amount in weight.items() if one != other)
    return 1 - (total - 1) * observed / expected
