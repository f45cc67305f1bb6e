"""Rights as the commands that grant them."""

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.topics.access import Right

# `kafka-acls.sh` has names of its own for operations of two words.
_OPERATIONS: Final = {"DESCRIBE_CONFIGS": "DescribeConfigs", "ALTER_CONFIGS": "AlterConfigs"}


def acl_commands(rights: Sequence[Right], *, principal: str, host: str, servers: str) -> Iterator[str]:
    """A `kafka-acls.sh` line for each resource, each operation's reason in a comment above it.

    Args:
        rights: those of one resource next to each other.
        principal: whom they are granted to, such as `User:worker`.
        host: from which address; `*`: any.
        servers: the brokers.
    """
    for (kind, name, prefixed), own in groupby(rights, lambda one: (one.kind, one.name, one.prefixed)):
        words = ["kafka-acls.sh", "--bootstrap-server", servers, "--add", "--allow-principal", principal]
        words += ["--allow-host", host] if host != "*" else []
        for one in own:
            missing = f" (without it: {one.without})" if one.without else ""
            yield f"# {one.operation} {kind} {name}{'*' if prefixed else ''}: {one.why}{missing}"
            words += ["--operation", _OPERATIONS.get(one.operation, one.operation.capitalize())]
        words += [f"--{kind}", name, *(["--resource-pattern-type", "prefixed"] if prefixed else [])]
        yield shlex.join(words)
