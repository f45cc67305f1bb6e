"""A model of the Hugging Face hub, at one commit, as a directory."""

from __future__ import annotations

import logging
from pathlib import Path
from textwrap import shorten
from typing import Final

from huggingface_hub import snapshot_download
from huggingface_hub.utils.tqdm import disable_progress_bars

from worker.errors import DetectorError

# Neither code nor pickles: what can be executed is not fetched.
_WANTED: Final = ("*.json", "*.txt", "*.model", "*.codes", "*.safetensors")


def download(model: str, revision: str) -> Path:
    """Fetches what is not in the hub's cache on this machine yet; returns the directory.

    Args:
        model: `organisation/name`.
        revision: the commit, 40 hexadecimal digits.

    Raises:
        DetectorError: the hub does not answer, or has no such model or commit.
    """
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(_WANTED)))
    except Exception as error:  # noqa: BLE001 - its own errors, those of its HTTP client and of the system
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise DetectorError(
            f"detector: can't get {model} at {revision} from the hub ({said}); check both names and the "
            "connection, or fetch it elsewhere and name its directory"
        ) from None
