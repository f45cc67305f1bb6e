"""How much an author's record adds: one post is weak evidence, many of one account are a good deal more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from worker.lab.evaluation.measures import Ranking
from worker.lab.evaluation.report import AuthorRecord
from worker.lab.evaluation.resampling import Resampling, drawn, seed_for
from worker.lab.measuring import logits_by_author, mean_logits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from worker.lab.evaluation.figures import Estimate
    from worker.lab.evaluation.learned import Learned
    from worker.lab.evaluation.scored import Scored

POSTS: Final = (1, 5, 25, 100)
# Of each author's posts, and of all authors' together.
_DRAWS: Final = 200
_MOST_MEANS: Final = 100_000

_Logits = dict[tuple[str, bool], "NDArray[np.float64]"]


def author_records(
    scored: Scored, learned: Learned | None, *, draws: int, seed: int
) -> Iterator[AuthorRecord]:
    """The AUROC of the mean logit of some posts of an author, with an interval over authors.

    Authors with at least 5 posts take part, each with up to 200 random draws of so many different posts (all,
    where there are fewer). Nothing where one of the labels has no author.

    Args:
        scored: the texts.
        learned: what the detector learned from; None where that is not known.
        draws: of each bootstrap.
        seed: of all draws.
    """
    authors = logits_by_author(scored.samples, scored.logits)
    groups: dict[Literal["all", "seen", "unseen"], _Logits] = {"all": authors}
    if learned is not None:
        groups["seen"] = {who: posts for who, posts in authors.items() if who[0] in learned.authors}
        groups["unseen"] = {who: posts for who, posts in authors.items() if who[0] not in learned.authors}
    for name, group in groups.items():
        machines = sum(machine for _, machine in group)
        if machines in {0, len(group)}:
            continue
        for posts in POSTS:
            yield AuthorRecord(
                authors=name,
                posts=posts,
                human=len(group) - machines,
                machine=machines,
                with_so_many=sum(len(theirs) >= posts for theirs in group.values()),
                auroc=_auroc(group, posts, draws, seed_for(seed, f"authors\0{name}\0{posts}")),
            )


def _auroc(
    authors: Mapping[tuple[str, bool], NDArray[np.float64]], posts: int, draws: int, seed: int
) -> Estimate:
    random = np.random.default_rng(seed)
    each = max(1, min(_DRAWS, _MOST_MEANS // len(authors)))
    means = np.concatenate(
        [mean_logits(theirs, posts, each, random) for _, theirs in sorted(authors.items())]
    )
    names = np.repeat([name for (name, _) in sorted(authors)], each)
    machine = np.repeat([is_machine for (_, is_machine) in sorted(authors)], each)
    resampling = Resampling(names.tolist(), [""] * len(names), machine, draws=draws, seed=seed)
    return drawn({"auroc": Ranking(means, machine).auroc}, resampling)["auroc"].estimate()
