"""The Hugging Face hub's cache on this machine, as its library lays it out, made by hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
# What the hub keeps as large files, and so under their sha256.
_LARGE: Final = (".safetensors", ".bin", ".model")


def put_in_cache(cache: Path, folder: Path, model: str = "org/name") -> Path:
    """Puts a directory's files into the cache as those of COMMIT; returns the snapshot, which is links."""
    kept = cache / f"models--{model.replace('/', '--')}"
    snapshot = kept / "snapshots" / COMMIT
    (kept / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        content = path.read_bytes()
        digest = (
            hashlib.sha256(content)
            if path.suffix in _LARGE
            else hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        ).hexdigest()
        (kept / "blobs" / digest).write_bytes(content)
        (snapshot / path.name).symlink_to(f"../../blobs/{digest}")
    return snapshot
