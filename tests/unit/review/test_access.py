from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import flagstaff
from worker.errors import SettingsError
from worker.review.access import is_secure
from worker.review.access_check import check_access
from worker.settings import OidcSettings, ReviewSettings

if TYPE_CHECKING:
    from pathlib import Path

OIDC: dict[str, Any] = {"issuer": "https://id.example.org", "client_id": "console", "client_secret": "s3cret"}
REVIEW: dict[str, Any] = {"public_url": "https://review.example.org", "hosts": ("review.example.org",)}


def review(oidc: dict[str, Any] | None = None, **more: Any) -> ReviewSettings:
    return ReviewSettings(**REVIEW | {"access": "oidc", "oidc": OidcSettings(**OIDC | (oidc or {}))} | more)


def test_settings_of_a_provider_that_fit_are_taken() -> None:
    check_access(review())


@pytest.mark.parametrize(
    ("oidc", "more", "named"),
    [
        ({}, {"public_url": ""}, "public_url"),
        ({}, {"public_url": "http://review.example.org"}, "public_url"),
        ({}, {"public_url": "https://review.example.org/below"}, "public_url"),
        ({}, {"public_url": "https://[review"}, "public_url"),
        ({}, {"hosts": ("localhost",)}, "hosts"),
        ({"issuer": ""}, {}, "oidc.issuer"),
        ({"issuer": "http://id.example.org"}, {}, "oidc.issuer"),
        ({"client_id": ""}, {}, "oidc.client_id"),
        ({"client_secret": ""}, {}, "oidc.client_secret"),
        ({"scopes": ("email",)}, {}, "oidc.scopes"),
        ({"name_claim": "a."}, {}, "oidc.name_claim"),
        ({"role_claim": ""}, {}, "oidc.role_claim"),
        ({"lead_values": ("mod",), "reviewer_values": ("mod",)}, {}, "oidc.lead_values"),
        ({"lead_values": (), "reviewer_values": (), "auditor_values": ()}, {}, "oidc.reviewer_values"),
    ],
)
def test_settings_of_a_provider_that_cannot_work_are_named(
    oidc: dict[str, Any], more: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=rf"settings: review\.{named}\b") as caught:
        check_access(review(oidc, **more))
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("https://id.example.org", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://localhost.example.org", False),
        ("http://10.0.0.1", False),
        ("https:///path", False),
        ("ftp://127.0.0.1", False),
        ("id.example.org", False),
        ("", False),
    ],
)
def test_nothing_goes_in_the_clear_but_to_this_machine(address: str, *, secure: bool) -> None:
    assert is_secure(address) is secure


def test_the_clients_secret_comes_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    variables = {
        "REVIEW__ACCESS": "oidc",
        "REVIEW__PUBLIC_URL": "https://review.example.org",
        "REVIEW__HOSTS": "review.example.org",
        "REVIEW__OIDC__ISSUER": "https://id.example.org",
        "REVIEW__OIDC__CLIENT_ID": "console",
        "DATA_DIR": str(tmp_path),
    }
    without = flagstaff("review", settings=variables)
    assert (without.code, without.out) == (2, "")
    assert "FLAGSTAFF_REVIEW__OIDC__CLIENT_SECRET or …_FILE" in without.err
    ended = flagstaff("review", settings=variables | {"REVIEW__OIDC__CLIENT_SECRET_FILE": str(secret)})
    # The next thing that is missing.
    assert (ended.code, ended.out) == (2, "")
    assert "FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS" in ended.err
