"""Signs a manifest, and checks a signature: Ed25519 (RFC 8032), through the package `cryptography`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    PrivateKey = Ed25519PrivateKey
    PublicKey = Ed25519PublicKey

SIGNATURE: Final = "manifest.sig"


class Signature(Struct, frozen=True, kw_only=True):
    """`manifest.sig`: over the bytes of the manifest; key and signature in hexadecimal digits."""

    algorithm: str = "Ed25519"
    public_key: str
    signature: str


def private_key(path: Path) -> PrivateKey:
    """The key in a PEM file, as `openssl genpkey -algorithm ed25519` writes it.

    Raises:
        SettingsError: it holds none.
        ModuleNotFoundError: `cryptography` is not installed.
    """
    # Imported here: the package is an extra.
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(f"--sign {path}: {error.strerror}") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SettingsError(
            f"--sign {path}: no private Ed25519 key in PEM form without a password; "
            "`openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def public_key(path: Path) -> PublicKey:
    """The key in a PEM file, as `openssl pkey -pubout` writes it.

    Raises:
        SettingsError: it holds none.
        ModuleNotFoundError: `cryptography` is not installed.
    """
    # Imported here: as above.
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"--key {path}: {error.strerror}") from None
    except ValueError:
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SettingsError(
            f"--key {path}: no public Ed25519 key in PEM form; `openssl pkey -in PRIVATE -pubout` writes it"
        )
    return key


def signed(content: bytes, key: PrivateKey) -> bytes:
    """The content of `manifest.sig` for a manifest."""
    own = key.public_key().public_bytes_raw().hex()
    return msgspec.json.encode(Signature(public_key=own, signature=key.sign(content).hex())) + b"\n"


def check_signature(folder: Path, content: bytes, key: PublicKey) -> str | None:
    """What is wrong with the signature over a manifest; None: nothing."""
    # Imported here: as above.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    path = folder / SIGNATURE
    try:
        signature = msgspec.json.decode(path.read_bytes(), type=Signature)
        given = bytes.fromhex(signature.signature)
    except OSError as error:
        return f"{path}: {error.strerror}: the manifest is not signed"
    except (msgspec.MsgspecError, ValueError):
        return f"{path}: truncated or changed: it holds no signature"
    own = key.public_bytes_raw().hex()
    if signature.public_key != own:
        return f"{path}: signed with another key: {signature.public_key[:16]}…, not {own[:16]}…"
    try:
        key.verify(given, content)
    except InvalidSignature:
        return f"{path}: wrong signature: the manifest is not what was signed"
    return None
