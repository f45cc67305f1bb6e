"""What a card says that can't be measured: for whom the model is, who answers for it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from msgspec import Struct

from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


class DetectorProse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free text on a detector's card. What it says unless told otherwise stands in `detector_prose.yaml`.

    Attributes:
        owners: who made it and answers for it.
        contact: where questions and complaints go.
        date: of the model.
        licence: of the weights.
        citation: what to cite.
        uses: what it is meant for.
        users: by whom.
        out_of_scope: what it must not be used for.
        evaluation_data: why these data, how they were prepared, their licences.
        training_data: the same for what it learned from.
        ethics: considerations.
        recommendations: caveats and recommendations.
    """

    default: ClassVar[str] = "detector_prose.yaml"

    owners: str
    contact: str
    date: str
    licence: str
    citation: str
    uses: tuple[str, ...]
    users: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    evaluation_data: tuple[str, ...]
    training_data: tuple[str, ...]
    ethics: tuple[str, ...]
    recommendations: tuple[str, ...]


class GeneratorProse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free text on a generator's card. What it says unless told otherwise stands in `generator_prose.yaml`.

    Attributes:
        owners: who made the model.
        contact: where questions go.
        licence: of the model.
        citation: what to cite.
        uses: what its texts are meant for.
        out_of_scope: what they must not be used for.
        training_data: what the model learned from.
        ethics: considerations.
        recommendations: caveats and recommendations.
    """

    default: ClassVar[str] = "generator_prose.yaml"

    owners: str
    contact: str
    licence: str
    citation: str
    uses: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    training_data: tuple[str, ...]
    ethics: tuple[str, ...]
    recommendations: tuple[str, ...]


_Prose = TypeVar("_Prose", DetectorProse, GeneratorProse)


def read_prose(path: Path | None, form: type[_Prose]) -> _Prose:
    """The default prose, with what a YAML file names in its place.

    Raises:
        SettingsError: the file can't be read, or has a key that such a card does not have.
    """
    prose: dict[str, Any] = msgspec.yaml.decode(files(__package__).joinpath(form.default).read_bytes())
    try:
        if path is not None:
            prose |= msgspec.yaml.decode(path.read_bytes(), type=dict[str, Any])
        return msgspec.convert(prose, form)
    except OSError as error:
        raise SettingsError(f"card: can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        keys = ", ".join(form.__struct_fields__)
        why = " ".join(str(error).split())
        raise SettingsError(f"card: {path}: {why}; its keys are {keys}") from None
