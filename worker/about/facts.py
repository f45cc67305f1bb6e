"""What the page says of this installation: from its settings, its policy, its detector's figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.detector.checkpoint import read_manifest
from worker.detector.loading import DEFAULT_FOLDER
from worker.errors import SettingsError
from worker.lab.card.facts import Subject
from worker.lab.evaluation.report import EVALUATION, read_evaluation
from worker.policy import load_policy

if TYPE_CHECKING:
    from worker.detector.calibration import Calibration
    from worker.lab.evaluation.report import Evaluation, Slice
    from worker.settings import Settings

_SIGNALS: Final = {
    "account_age": "how old the account is",
    "follower_ratio": "how many follow the account, beside how many it follows",
    "posting_rate": "how fast the account posts",
    "duplicate_text": "whether other accounts posted the same text",
    "near_duplicate": "whether other accounts posted nearly the same text",
    "link_share": "how much of the text is links",
    "author_record": "what was thought of the account's earlier posts",
}


class Facts(NamedTuple):
    """What the page says.

    Attributes:
        detector: the detector's name; empty where nothing is known of it.
        calibration: where its word means something; None where nothing is known of it.
        whole: what was measured on all texts; None where nothing was.
        humans: the same by whose texts they are, of sources that have texts of people.
        lengths: the same by length.
        limits: what these figures can't tell.
        alone: the most that the detector brings about without other evidence.
        signals: the other evidence, in words.
        how_to_appeal: where and by when.
    """

    detector: str
    calibration: Calibration | None
    whole: Slice | None
    humans: tuple[Slice, ...]
    lengths: tuple[Slice, ...]
    limits: tuple[str, ...]
    alone: str
    signals: tuple[str, ...]
    how_to_appeal: str


def evaluation_of(settings: Settings) -> Evaluation | None:
    """What was measured of the settings' detector: `evaluation.json` in its directory, if it is there.

    Raises:
        CorpusError: it can't be read.
    """
    folder = _folder(settings)
    path = None if folder is None else folder / EVALUATION
    return read_evaluation(path) if path is not None and path.is_file() else None


def facts_of(settings: Settings, evaluation: Evaluation | None) -> Facts:
    """What the page says.

    Args:
        settings: all settings.
        evaluation: what was measured of the settings' detector.

    Raises:
        SettingsError: the policy is wrong, or the evaluation is another detector's.
        DetectorError: the detector's manifest can't be read.
    """
    folder = _folder(settings)
    manifest = None if folder is None else read_manifest(folder)
    subject = None
    if manifest is not None or evaluation is not None:
        try:
            subject = Subject.of(manifest, evaluation)
        except ValueError as error:
            raise SettingsError(f"about: {error}") from None
    policy = load_policy(Path(settings.policy.file) if settings.policy.file else None)
    slices = () if evaluation is None else evaluation.slices
    return Facts(
        detector="" if subject is None else subject.name,
        calibration=None if subject is None else subject.calibration,
        whole=next((one for one in slices if one.dimension == "all"), None),
        humans=tuple(one for one in slices if one.dimension == "domain" and one.everywhere.human),
        lengths=tuple(one for one in slices if one.dimension == "length"),
        limits=() if evaluation is None else evaluation.limits,
        alone=policy.detector.alone,
        signals=tuple(
            _SIGNALS[name]
            for name in settings.signals.enabled
            if name in _SIGNALS and getattr(policy.signals, name) is not None
        ),
        how_to_appeal=settings.review.how_to_appeal,
    )


def _folder(settings: Settings) -> Path | None:
    """The detector's directory, where it is one."""
    if settings.detector.model == "default":
        return DEFAULT_FOLDER
    path = Path(settings.detector.model)
    return path if path.is_dir() else None
