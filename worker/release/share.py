"""Which authors are in a share: by hash, so that it is the same on every worker and after every restart."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.records import Post

_BYTES: Final = 8
_WHOLE: Final = float(2 ** (8 * _BYTES))


class AuthorShare:
    """The authors below a share. Those in a smaller share are in every larger one.

    Args:
        salt: other salts draw other authors; with the challenger's digests in it, it is not always the same
            people on whom something new is tried first.
    """

    def __init__(self, salt: str) -> None:
        self._salt = blake2b(salt.encode(), digest_size=16).digest()

    def position(self, post: Post) -> float:
        """Where the post's author lies, from 0 up to but not 1; the post's id stands in for an author."""
        who = f"author {post.author.id}" if post.author is not None else f"post {post.id}"
        drawn = blake2b(who.encode(), digest_size=_BYTES, key=self._salt).digest()
        return int.from_bytes(drawn) / _WHOLE

    def holds(self, post: Post, share: float) -> bool:
        """Whether its author is in the share."""
        return self.position(post) < share
