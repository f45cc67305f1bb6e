"""Who somebody is in the console, by the claims of their ID token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

from worker.errors import SettingsError
from worker.review.access import RefusedError, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.review.sessions import Role
    from worker.settings import OidcSettings

_PREFIX: Final = "settings: review.oidc"


class Membership:
    """Reads name and role out of claims.

    Args:
        oidc: where they stand, and which values make which role.

    Raises:
        SettingsError: an expression is none, or the values do not tell the roles apart.
    """

    def __init__(self, oidc: OidcSettings) -> None:
        self._name = _compiled("name_claim", oidc.name_claim)
        self._role = _compiled("role_claim", oidc.role_claim)
        self._by_email = oidc.name_claim == "email"
        self._roles = _roles(oidc)

    def of(self, claims: Mapping[str, Any]) -> tuple[str, Role]:
        """Name and role.

        A lead may be among the reviewers too; an auditor, who decides nothing, may be nothing else.

        Raises:
            RefusedError: the claims do not tell them, or give no role of this console.
        """
        name = self._name.search(claims)
        if not isinstance(name, str) or not is_name(name := name.strip()):
            raise RefusedError(403, "The sign-in provider does not say who you are.")
        if self._by_email and claims.get("email_verified") is False:
            raise RefusedError(403, "The sign-in provider has not verified your e-mail address.")
        given = self._role.search(claims)
        values = given if isinstance(given, list) else [given]
        roles = {self._roles[value] for value in values if isinstance(value, str) and value in self._roles}
        if not roles:
            raise RefusedError(403, "The sign-in provider gives you no role in this console.", name)
        if len(roles) > 1 and "auditor" in roles:
            raise RefusedError(403, "Who audits does not decide: you are given both roles.", name)
        return name, "lead" if "lead" in roles else roles.pop()


def _compiled(setting: str, expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        why = str(error).partition("\n")[0]
        raise SettingsError(f"{_PREFIX}.{setting}: {expression!r} is no JMESPath expression: {why}") from None


def _roles(oidc: OidcSettings) -> dict[str, Role]:
    given: list[tuple[Role, tuple[str, ...]]] = [
        ("reviewer", oidc.reviewer_values),
        ("lead", oidc.lead_values),
        ("auditor", oidc.auditor_values),
    ]
    roles: dict[str, Role] = {}
    for role, values in given:
        for value in values:
            if roles.setdefault(value, role) != role:
                raise SettingsError(
                    f"{_PREFIX}.{role}_values: {value!r} stands for {roles[value]} and for {role}; keep one"
                )
    if not roles:
        raise SettingsError(f"{_PREFIX}.reviewer_values: no value makes anybody a reviewer, lead or auditor")
    return roles
