"""What clients of the embedded Kafka must show: TLS, a password, rights."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.errors import EmbeddedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEYSTORE = "tls/broker.p12"
PASSWORD = "tls/password"  # noqa: S105 - the name of a file
CA = "tls/ca.pem"


@dataclass(frozen=True)
class ClientSecurity:
    """Options of the clients' listener; brokers and administrators on the internal listener are not asked.

    Args:
        tls: encrypted, with a certificate for `127.0.0.1` and `localhost` from an authority of its own.
        users: names and passwords (SCRAM-SHA-512); empty: nobody is asked who they are. They are made when
            the cluster is, and stand on a command line then: use no password that matters.
        authorize: whether a right must have been granted before something may be done.
        super_users: names that may do everything, rights or not.
    """

    tls: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    authorize: bool = False
    super_users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.authorize and not self.users:
            raise SettingsError(
                "embedded: rights can't be told apart where nobody is asked who they are: add users"
            )

    @property
    def protocol(self) -> str:
        """Kafka's name for it: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."""
        transport = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{transport}" if self.users else transport

    def properties(self, folder: Path) -> dict[str, str]:
        """The broker's properties for it; `folder` is where `make_certificates` wrote."""
        protocols = f"CLIENT:{self.protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
        properties = {"listener.security.protocol.map": protocols}
        if self.tls:
            properties |= {
                "ssl.keystore.type": "PKCS12",
                "ssl.keystore.location": str(folder / KEYSTORE),
                "ssl.keystore.password": (folder / PASSWORD).read_text(encoding="ascii"),
            }
        if self.users:
            module = "org.apache.kafka.common.security.scram.ScramLoginModule"
            properties |= {
                "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.client.scram-sha-512.sasl.jaas.config": f"{module} required;",
            }
        if self.authorize:
            # The internal and the controllers' listener ask nobody: who comes there is a broker.
            everything = ";".join(f"User:{name}" for name in ("ANONYMOUS", *self.super_users))
            properties |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": everything,
            }
        return properties

    def format_arguments(self) -> list[str]:
        """Arguments of the storage tool that make the users."""
        return [
            part
            for name, password in self.users.items()
            for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]


def make_certificates(java: Path, folder: Path) -> None:
    """Makes a certificate authority and a broker's certificate below `folder`, unless they are there.

    Args:
        java: the runtime whose `keytool` is used.
        folder: gets `tls/broker.p12`, its password in `tls/password`, and `tls/ca.pem` for clients.

    Raises:
        EmbeddedError: this Java has no `keytool`, or it fails.
    """
    if (folder / CA).exists():
        return
    (folder / CA).parent.mkdir(parents=True, exist_ok=True)
    for leftover in (folder / CA).parent.iterdir():
        leftover.unlink()
    (folder / PASSWORD).touch(mode=0o600)
    (folder / PASSWORD).write_text(secrets.token_hex(16), encoding="ascii")
    store = ["-keystore", KEYSTORE, "-storetype", "PKCS12", "-storepass:file", PASSWORD]
    pair = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650", *store]
    tool = java.resolve().with_name("keytool")
    for arguments in (
        [
            *pair,
            "-alias",
            "ca",
            "-dname",
            "CN=Flagstaff embedded CA",
            "-ext",
            "bc:c",
            "-ext",
            "ku:c=keyCertSign",
        ],
        [
            *pair,
            "-alias",
            "broker",
            "-dname",
            "CN=localhost",
            "-signer",
            "ca",
            "-ext",
            "san=ip:127.0.0.1,dns:localhost",
        ],
        ["-exportcert", "-rfc", "-alias", "ca", "-file", f"{CA}.new", *store],
        # The store keeps one key, so that the broker can't present the authority's.
        ["-delete", "-alias", "ca", *store],
    ):
        try:
            done = subprocess.run(  # noqa: S603 - no user input
                [str(tool), *arguments], cwd=folder, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise EmbeddedError(f"embedded: {tool} can't be run: {error.strerror}") from None
        if done.returncode != 0:
            raise EmbeddedError(f"embedded: keytool failed: {' '.join((done.stdout + done.stderr).split())}")
    (folder / f"{CA}.new").replace(folder / CA)
