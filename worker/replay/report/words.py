"""What results and causes mean, in sentences for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from worker.replay.causes import Cause
    from worker.replay.differences import Kind


class Told(NamedTuple):
    """What a cause means, how it is told, and what that leaves open (empty: nothing)."""

    name: str
    meaning: str
    open: str = ""


KINDS: Final[dict[Kind, str]] = {
    "same": "Decided again, it is equal to the published flag to the byte.",
    "unpublished": "Nothing was published of the post, and nothing is due.",
    "changed": "Published otherwise than it is decided now.",
    "missing": "Published, and not due now, or the post can't be decided now.",
    "extra": "Due now, and not published then.",
    "gone": "Published, and the post is not there any more, is a tombstone, or no post under these settings.",
}
CAUSES: Final[dict[Cause, Told]] = {
    "held": Told(
        "Held by the breaker",
        "The action-rate breaker held the action down to label while flags ran far off their usual rate; the "
        "flag's last reason says so. Without that the flag is compared as the policy made it.",
        "Why the breaker held it: the topic of holds tells.",
    ),
    "detector_changed": Told(
        "Detector changed",
        "The published flag is of another detector: the digests differ.",
        "Whether the decision would differ for another reason too.",
    ),
    "policy_changed": Told(
        "Policy changed",
        "The published flag is of another policy (thresholds, weights): the digests differ.",
        "Whether the decision would differ for another reason too.",
    ),
    "signal_settings_changed": Told(
        "Signal settings changed",
        "Other signals stand in the flag, or other windows in its sentences.",
        "A window that changed where no sentence tells it looks like another state of the signals.",
    ),
    "degraded": Told(
        "Redis was away",
        "No signal that remembers could be read then, and a count can be read now.",
    ),
    "order_of_arrival": Told(
        "Order of arrival",
        "Posts of other partitions, or late ones, arrived after the post then; the replay reads all in the "
        "order of event time. The reading lies between what the worker must and what it can have read.",
        "A state that lost something and by chance lies between the two.",
    ),
    "signal_state": Told(
        "State of the signals",
        "The order does not explain the reading: state was lost, evicted, not noted while Redis was away, or "
        "cut to its bound.",
        "Which of these.",
    ),
    "dead_letter": Told("Dead letter", "The post went to the dead letters then."),
    "failed": Told("Fails now", "The detector or a signal fails on the post now."),
    "post_gone": Told(
        "Post gone",
        "A flag without its post: deleted, a tombstone, or no post under these settings.",
        "Why it is gone.",
    ),
    "unknown": Told(
        "Unknown",
        "None of the causes explains it. Where only what acts is published, a post without a flag tells "
        "nothing of what was in force; with every decision published this should be 0.",
    ),
}
# What no replay can tell.
LIMITS: Final = (
    (
        "A replay shows what was decided and whether it would be decided so now. It does not show whether a "
        "decision was right: a score is evidence, not proof of who wrote a text."
    ),
    (
        "The bytes of a decision are those of this detector on this kind of hardware and this version of "
        "Flagstaff; another one may give another digest."
    ),
    (
        "Which posts stood in the topic is taken from the topic. A post deleted before the replay is "
        "counted by its offset, and by its flag where there is one; what it said is lost."
    ),
    (
        "The manifest shows that these files have not changed since it was written. Only a signature "
        "checked with a key from elsewhere shows who wrote it."
    ),
)
