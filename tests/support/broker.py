"""How the brokers of tests differ from others."""

from __future__ import annotations

from typing import Final

BROKER: Final = {
    # Shortened where a test would wait for them.
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    # A broker that many tests leave no processor for is not taken for lost.
    "broker.session.timeout.ms": "60000",
}
