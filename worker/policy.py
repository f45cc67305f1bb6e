"""The policy file: what the detector's word and the signals weigh, and which score brings about what.

The structs are the schema of the file; `worker.judgement` applies it, `docs/policy.md` explains it.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from worker.errors import SettingsError

DEFAULT_FILE: Final = Path(__file__).with_name("default-policy.yaml")

Acting = Literal["label", "review", "limit"]
Probability = Annotated[float, Meta(gt=0, lt=1)]
Finite = Annotated[float, Meta(ge=-1e12, le=1e12)]
Most = Annotated[float, Meta(ge=0, le=100)]
Least = Annotated[float, Meta(ge=-100, le=0)]


def _doc(text: str) -> Meta:
    return Meta(description=text)


class Thresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scores from which on an action is taken. They must ascend."""

    label: Annotated[Probability, _doc("From here on the post gets a label.")]
    review: Annotated[Probability, _doc("From here on a person looks at it.")]
    limit: Annotated[Probability, _doc("From here on its spread is limited.")]


class DetectorRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the detector's word counts."""

    weight: Annotated[float, Meta(ge=0, le=100), _doc("Factor of its calibrated log-odds.")] = 1.0
    most: Annotated[Most, _doc("Its contribution lies between minus and plus this.")] = 4.0
    alone: Annotated[
        Literal["pass", "label", "review", "limit"],
        _doc("Most that it may bring about alone, and only above its own threshold."),
    ] = "label"
    corroboration: Annotated[
        float, Meta(gt=0, le=100), _doc("A signal that adds this much lifts the action up to its `supports`.")
    ] = 0.4


class SignalRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a signal's value becomes a contribution.

    contribution = weight x (t(value) - t(neutral)), cut off at `least` and `most`. t is the value itself, or
    ln(1 + value) for values of 0 and more.
    """

    weight: Annotated[
        Finite, _doc("Log-odds for each unit of t; negative: small values speak for a machine.")
    ]
    transform: Annotated[Literal["linear", "log1p"], _doc("t.")] = "linear"
    neutral: Annotated[Finite, _doc("The value that says nothing.")] = 0.0
    least: Annotated[Least, _doc("Least contribution.")] = 0.0
    most: Annotated[Most, _doc("Most contribution.")] = 1.0
    supports: Annotated[Acting, _doc("Most that it may bring about, beside the detector or without.")] = (
        "limit"
    )


class SignalRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule for each signal; one without a rule is shown in the flag and adds nothing."""

    account_age: SignalRule | None = None
    follower_ratio: SignalRule | None = None
    posting_rate: SignalRule | None = None
    duplicate_text: SignalRule | None = None
    near_duplicate: SignalRule | None = None
    link_share: SignalRule | None = None
    author_record: SignalRule | None = None


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy as it stands in its file."""

    name: Annotated[str, Meta(min_length=1, max_length=100), _doc("Stands in every flag.")]
    thresholds: Thresholds
    detector: DetectorRule
    signals: SignalRules

    @property
    def digest(self) -> str:
        """BLAKE2b, 16 bytes in hexadecimal digits, over what it says: not comments, order or layout."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=16).hexdigest()


def load_policy(path: Path | None = None) -> Policy:
    """The policy in a YAML file.

    Args:
        path: the file; None for the default that ships.

    Raises:
        SettingsError: the file can't be read, or says something wrong; one line that names file and key.
    """
    path = DEFAULT_FILE if path is None else path
    try:
        loaded: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"policy: can't read {path}: {error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"policy: {path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        policy = msgspec.convert(loaded, Policy)
    except msgspec.ValidationError as error:
        raise SettingsError(f"policy: {path}: {_in_user_terms(str(error))}") from None
    _check(path, policy)
    return policy


def _check(path: Path, policy: Policy) -> None:
    thresholds = policy.thresholds
    if not thresholds.label < thresholds.review < thresholds.limit:
        raise SettingsError(
            f"policy: {path}: thresholds: must ascend from label over review to limit, not "
            f"{thresholds.label:g}, {thresholds.review:g}, {thresholds.limit:g}"
        )
    for name in SignalRules.__struct_fields__:
        rule: SignalRule | None = getattr(policy.signals, name)
        if rule is not None and rule.transform == "log1p" and rule.neutral < 0:
            raise SettingsError(f"policy: {path}: signals.{name}.neutral: must be 0 or more with log1p")


def _in_user_terms(message: str) -> str:
    """`Expected … - at `$.thresholds.label`` becomes `thresholds.label: expected …`."""
    what, _, where = message.partition(" - at `$")
    what = what[:1].lower() + what[1:]
    key = where.strip(".`")
    return f"{key}: {what}" if key else what
