"""What the report's rows mean, in sentences for people who have never heard of Flagstaff."""

from __future__ import annotations

from typing import Final

OUTCOMES: Final = {
    "limit": ("Limiting proposed", "Detector and other evidence proposed to limit the post's reach."),
    "review": ("Review proposed", "They proposed that a member of staff looks at the post."),
    "label": ("Label proposed", "They proposed to label the post as possibly written by a machine."),
    "abstain": ("No judgement", "The text was too short, in another language, or else not as was tested."),
    "pass": ("Let through", "Nothing spoke for a machine strongly enough."),
    "dead-letter": ("Could not be decided", "The record was broken, or deciding failed on it."),
    "unpublished": ("Nothing published", ""),
}  # fmt: skip
UNPUBLISHED: Final = {
    "flagged": "Let through, no judgement, or not decided yet: this system publishes only what acts.",
    "all": "Not decided yet, or decided while only what acts was published.",
}
STAGES: Final = {
    "decode": "it was no post",
    "detect": "the detector failed",
    "signal": "other evidence failed",
    "publish": "its flag could not be published",
}
ROWS: Final = {
    "limit": "Limiting proposed",
    "review": "Review proposed",
    "label": "Label proposed",
    "abstain": "No judgement",
    "pass": "Let through",
    "earlier": "Of other posts, most of them earlier",
}
WORK: Final = {"verdict": "verdicts given", "undo": "taken back", "hand-over": "handed to somebody else"}
LIMITS: Final = (
    "A flag is evidence for the staff and no proof. It proposes; people decide.",
    "How many texts of machines were missed is not known: nobody knows who wrote what was let through.",
    "What the staff say is a judgement too, and of the posts that they look at first, not of all.",
)
