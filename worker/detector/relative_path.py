"""What a directory's `detector.json` may name: files and directories inside it."""

from __future__ import annotations

from pathlib import PurePosixPath


def check_inside(path: str) -> None:
    """Nothing, for a relative path that does not lead out of where it starts.

    Raises:
        ValueError: it is another one.
    """
    read = PurePosixPath(path)
    if not path or read.is_absolute() or ".." in read.parts:
        raise ValueError(
            f"{path!r} is no path inside the directory; put what it names there, or a link to it"
        )
