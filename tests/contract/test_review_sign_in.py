"""Signing in to the console at a real OpenID Connect provider, and what must be refused on the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.contract.test_review_console import console_of
from tests.contract.test_review_web import Desk, field, with_review
from tests.support.oidc_provider import CLIENT, CLIENT_SECRET, new_key, running_provider
from tests.support.running import worker_settings
from tests.support.topics import create_topic, unique_name
from worker.checks.console import check_console
from worker.review.audit import Audit
from worker.review.provider import CALLBACK
from worker.settings import OidcSettings, ReviewSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.support.oidc_provider import OidcProvider
    from worker.review.console import Console

    DeskMaker = Callable[..., Desk]

ANN = {"email": "ann@example.org", "email_verified": True, "groups": ["staff", "flagstaff-reviewer"]}
COOKIE = "flagstaff"
NOT_GOOD = "The ID token is not good for this sign-in"


@pytest.fixture(scope="module")
def console(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One for all: it is the web application before it that differs."""
    names = ("posts", "flags", "dead_letters", "decisions", "appeals")
    topics = {name: unique_name(name) for name in names}
    for topic in topics.values():
        create_topic(kafka, topic)
    staff = {f"TOPICS__{name.upper()}": topics.pop(name) for name in ("decisions", "appeals")}
    settings = worker_settings(tmp_path_factory.mktemp("console"), kafka, topics, **staff)
    with console_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def running() -> Iterator[OidcProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: OidcProvider) -> OidcProvider:
    running.person, running.metadata, running.change, running.sign = dict(ANN), {}, dict, running.signed
    return running


@pytest.fixture
def desk(console: Console, provider: OidcProvider, tmp_path: Path) -> DeskMaker:
    def make(*, public_url: str = "http://127.0.0.1", **more: Any) -> Desk:
        oidc = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET} | more
        console.settings = with_review(
            console.settings, access="oidc", public_url=public_url, oidc=OidcSettings(**oidc)
        )
        console.audit = Audit(tmp_path / "audit.jsonl")
        return Desk(console)

    return make


@pytest.fixture
def here(desk: DeskMaker) -> Desk:
    return desk()


def to_provider(browser: TestClient) -> str:
    """Begins a sign-in; the address that the browser is sent to."""
    answer = browser.get("/sign-in/begin", follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def from_provider(address: str) -> dict[str, str]:
    """Signs in at the provider; what comes back to the console's callback."""
    back = urlsplit(httpx2.get(address).headers["location"])
    assert back.path == CALLBACK
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def signed_in(browser: TestClient) -> Any:
    return browser.get(CALLBACK, params=from_provider(to_provider(browser)))


def test_somebody_signs_in_works_and_signs_out(here: Desk, provider: OidcProvider) -> None:
    browser = here.stranger()
    first = browser.get("/")
    assert first.status_code == 401
    assert 'href="/sign-in/begin"' in first.text
    assert browser.get("/sign-in").status_code == 200
    answer = signed_in(browser)
    assert answer.status_code == 200
    assert 'content="0;url=/"' in answer.text
    queue = browser.get("/")
    assert "ann@example.org, reviewer" in queue.text
    assert browser.get("/people").status_code == 403
    out = browser.post("/leave", data={"form_key": field(queue, "form_key")})
    assert f"{provider.issuer}/end?client_id={CLIENT}" in out.text
    assert COOKIE not in browser.cookies
    assert browser.get("/").status_code == 401
    entered = [line for line in here.console.audit.latest() if line["event"] == "entered"]
    assert [(line["who"], line["role"], line["by"]) for line in entered] == [
        ("ann@example.org", "reviewer", "oidc")
    ]


def test_the_session_is_a_new_one_and_the_old_one_is_over(here: Desk, provider: OidcProvider) -> None:
    browser = here.stranger()
    signed_in(browser)
    before = browser.cookies[COOKIE]
    provider.person = ANN | {"groups": "flagstaff-lead"}
    signed_in(browser)
    assert browser.cookies[COOKIE] != before
    assert "ann@example.org, lead" in browser.get("/").text
    assert here.stranger(cookie=f"{COOKIE}={before}").get("/").status_code == 401
    # A key that was put into the browser before is not taken over.
    fixed = here.stranger()
    fixed.cookies.set(COOKIE, "x" * 43)
    signed_in(fixed)
    assert here.stranger(cookie=f"{COOKIE}={'x' * 43}").get("/").status_code == 401


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["flagstaff-reviewer", "flagstaff-lead"], "lead"),
        (["flagstaff-auditor"], "auditor"),
        ("flagstaff-reviewer", "reviewer"),
        (["flagstaff-auditor", "flagstaff-lead"], None),
        (["staff", 7, None], None),
        ({"flagstaff-lead": True}, None),
        (None, None),
    ],
)
def test_the_role_comes_from_a_claim(
    here: Desk, provider: OidcProvider, groups: object, role: str | None
) -> None:
    provider.person = ANN | {"groups": groups}
    browser = here.stranger()
    answer = signed_in(browser)
    assert answer.status_code == (403 if role is None else 200)
    if role is None:
        assert here.refusals() == [("ann@example.org", CALLBACK)]
        assert COOKIE not in browser.cookies
    else:
        assert f"ann@example.org, {role}" in browser.get("/").text


def test_name_and_role_are_found_deeper_down(desk: DeskMaker, provider: OidcProvider) -> None:
    provider.person = {"realm_access": {"roles": ["mod"]}}
    found = {"name_claim": "sub", "role_claim": "realm_access.roles", "reviewer_values": ("mod",)}
    here = desk(**found)
    browser = here.stranger()
    signed_in(browser)
    assert "subject-1, reviewer" in browser.get("/").text


@pytest.mark.parametrize(
    ("person", "why"),
    [
        ({"email": "ann@example.org", "email_verified": False}, "verified"),
        ({"email": None}, "who you are"),
        ({"email": ["ann@example.org"]}, "who you are"),
        ({"email": "  "}, "who you are"),
        ({"email": "ann\n\u202e@example.org"}, "who you are"),
        ({"email": "a" * 201}, "who you are"),
    ],
)
def test_who_is_not_named_is_refused(
    here: Desk, provider: OidcProvider, person: dict[str, Any], why: str
) -> None:
    provider.person = ANN | person
    answer = signed_in(here.stranger())
    assert answer.status_code == 403
    assert why in answer.text
    assert len(here.refusals()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": ["another-client"], "azp": CLIENT},
        {"aud": [CLIENT, "another-client"]},
        {"aud": None},
        {"azp": "another-client"},
        {"iss": "https://elsewhere.example"},
        {"nonce": "x" * 43},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"exp": "tomorrow"},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"at_hash": "x" * 22},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    here: Desk, provider: OidcProvider, change: dict[str, Any]
) -> None:
    provider.change = lambda claims: {
        name: value for name, value in (claims | change).items() if value is not None
    }
    refused(here, NOT_GOOD)


def refused(here: Desk, why: str) -> None:
    browser = here.stranger()
    answer = signed_in(browser)
    assert answer.status_code == 401
    assert why in answer.text
    assert COOKIE not in browser.cookies
    assert browser.get("/").status_code == 401
    trail = [line for line in here.console.audit.latest() if line["event"] == "refused"]
    assert [line["path"] for line in trail] == ["/", CALLBACK]
    assert why in trail[1]["why"]


@pytest.mark.parametrize("named", [None, "unknown"])
def test_a_token_that_somebody_else_signed_is_refused(
    here: Desk, provider: OidcProvider, named: str | None
) -> None:
    forger = new_key(named or str(provider.key.kid))
    provider.sign = lambda claims: provider.signed(claims, forger)
    refused(here, NOT_GOOD)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_signature_that_others_could_make_is_refused(
    here: Desk, provider: OidcProvider, algorithm: str
) -> None:
    # The provider even says that it makes such signatures, and its public key is the key to them.
    provider.metadata = {"id_token_signing_alg_values_supported": [algorithm, "RS256"]}

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    def forged(claims: dict[str, Any]) -> str:
        header = {"alg": algorithm, "kid": provider.key.kid}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        key = provider.key.as_pem(private=False)
        tag = b"" if algorithm == "none" else hmac.digest(key, signed.encode(), hashlib.sha256)
        return f"{signed}.{encoded(tag)}"

    provider.sign = forged
    refused(here, NOT_GOOD)


def test_keys_that_the_provider_changed_are_asked_for_again(here: Desk, provider: OidcProvider) -> None:
    before = provider.key
    assert signed_in(here.stranger()).status_code == 200
    provider.key = new_key("second")
    assert signed_in(here.stranger()).status_code == 200
    provider.sign = lambda claims: provider.signed(claims, before)
    assert signed_in(here.stranger()).status_code == 401


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "x" * 43}, "not begun in this browser"),
        ({"state": "é"}, "not begun in this browser"),
        ({"state": ""}, "not begun in this browser"),
        ({"iss": "https://elsewhere.example"}, "another sign-in provider"),
        ({"code": ""}, "did not let you in"),
        ({"code": "a-code-of-somebody-else"}, "invalid_grant"),
    ],
)
def test_an_answer_that_does_not_belong_to_the_sign_in_is_refused(
    here: Desk, provider: OidcProvider, change: dict[str, str], why: str
) -> None:
    given = provider.tokens
    browser = here.stranger()
    answer = browser.get(CALLBACK, params=from_provider(to_provider(browser)) | change)
    assert answer.status_code == 401
    assert why in answer.text
    assert here.refusals() == [("", CALLBACK)]
    assert provider.tokens == given


def test_an_answer_in_another_browser_or_twice_is_refused(here: Desk) -> None:
    ann, eve = here.stranger(), here.stranger()
    hers = from_provider(to_provider(ann))
    assert eve.get(CALLBACK, params=hers).status_code == 401
    # Eve puts Ann's code into a sign-in of her own: PKCE tells.
    own = from_provider(to_provider(eve))
    assert eve.get(CALLBACK, params=own | {"code": hers["code"]}).status_code == 401
    again = from_provider(to_provider(ann))
    assert ann.get(CALLBACK, params=again).status_code == 200
    assert ann.get(CALLBACK, params=again).status_code == 401


def test_over_tls_cookies_are_the_hosts_own(desk: DeskMaker) -> None:
    browser = desk(public_url="https://127.0.0.1").stranger()
    browser.base_url = "https://127.0.0.1"
    begun = browser.get("/sign-in/begin", follow_redirects=False)
    answer = browser.get(CALLBACK, params=from_provider(begun.headers["location"]))
    given, taken = answer.headers.get_list("set-cookie")
    for cookie in (begun.headers["set-cookie"], given):
        assert cookie.startswith("__Host-flagstaff")
        assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/"))
    assert "SameSite=lax" in begun.headers["set-cookie"]
    assert "SameSite=strict" in given
    assert taken.startswith('__Host-flagstaff-sign-in=""')
    assert "ann@example.org" in browser.get("/").text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": None},
    ],
)
def test_a_provider_that_is_not_the_one_named_lets_nobody_in(
    here: Desk, provider: OidcProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    answer = here.stranger().get("/sign-in/begin")
    assert answer.status_code == 503
    assert "elsewhere" not in answer.text


def test_while_the_provider_is_away_nobody_signs_in_and_sessions_go_on(desk: DeskMaker) -> None:
    with running_provider() as short:
        short.person = dict(ANN)
        here = desk(issuer=short.issuer)
        ann, bob = here.stranger(), here.stranger()
        signed_in(ann)
        late = from_provider(to_provider(bob))
    answer = bob.get(CALLBACK, params=late)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert ann.get("/").status_code == 200


def test_a_wrong_client_secret_is_refused_and_not_shown(desk: DeskMaker) -> None:
    here = desk(client_secret="wrong-secret")  # noqa: S106 - it is the fault
    answer = signed_in(here.stranger())
    assert answer.status_code == 401
    assert "invalid_client" in answer.text
    trail = str(here.console.audit.latest())
    assert "wrong-secret" not in answer.text + trail


def test_check_says_whether_people_can_sign_in(desk: DeskMaker, provider: OidcProvider) -> None:
    review = desk().console.settings.review
    assert [(one.status, one.what) for one in check_console(review)] == [
        ("ok", "console's access"),
        ("ok", "console's sign-in"),
    ]
    provider.metadata = {"code_challenge_methods_supported": ["plain"]}
    assert [one.status for one in check_console(review)] == ["ok", "warn"]
    for bad, why in (
        ({"issuer": f"{provider.issuer}/"}, "review.oidc.issuer"),
        ({"jwks_uri": f"{provider.issuer}/nothing"}, "404"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "signs with none of"),
    ):
        provider.metadata = bad
        access, sign_in = check_console(review)
        assert (access.status, sign_in.status) == ("ok", "fail")
        assert why in sign_in.detail
    without = with_review(desk().console.settings, public_url="").review
    (found,) = check_console(without)
    assert found.status == "fail"
    assert "FLAGSTAFF_REVIEW__PUBLIC_URL" in found.detail
    assert list(check_console(ReviewSettings())) == []
