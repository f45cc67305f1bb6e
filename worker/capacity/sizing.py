"""What a load leaves behind, by arithmetic: Redis memory, Kafka bytes, network, costs from given prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from worker.capacity.arrivals import mean_tokens
from worker.capacity.footprint import BAND_KEYS, FLAG, SCORE, SIGNALS
from worker.signals.near_duplicate import MOST as MOST_IN_BAND

if TYPE_CHECKING:
    from worker.capacity.scenario import Prices, Scenario
    from worker.settings import Settings

DAY_S: Final = 86_400
_MONTH_H: Final = 730.0
_GB: Final = 1e9
# Where a scenario does not say how large a record is: JSON around the text, and English subword tokens.
_AROUND, _BYTES_A_TOKEN = 250.0, 6.0


class Storage(Struct, frozen=True, kw_only=True):
    """What is stored and sent.

    Attributes:
        redis_bytes: memory by what takes it; null where the number of authors was not given.
        posts_bytes_per_day: written to the posts topic, one copy.
        flags_bytes_per_day: written to the flags topic, one copy.
        kafka_bytes_retained: of both topics, all copies.
        network_bytes_per_s: at the peak: posts read, flags written, copies between brokers.
    """

    redis_bytes: dict[str, float | None]
    posts_bytes_per_day: float
    flags_bytes_per_day: float
    kafka_bytes_retained: float
    network_bytes_per_s: dict[str, float]

    @property
    def redis_total(self) -> float:
        """Bytes of what is known."""
        return sum(one for one in self.redis_bytes.values() if one is not None)


def post_bytes(scenario: Scenario) -> float:
    """Bytes of a record of the posts topic."""
    given = scenario.cluster.post_bytes
    return given if given is not None else _AROUND + _BYTES_A_TOKEN * mean_tokens(scenario.posts)


def published_share(scenario: Scenario, settings: Settings) -> float:
    """Share of posts for which a record is published."""
    return 1.0 if settings.emit == "all" else scenario.cluster.flagged


def storage(scenario: Scenario, settings: Settings) -> Storage:
    """What the load leaves behind in Redis and Kafka, and sends over the network."""
    load, cluster = scenario.load, scenario.cluster
    share = published_share(scenario, settings)
    post, flag = post_bytes(scenario), FLAG * cluster.compression
    posts_day, flags_day = (load.mean_rate * DAY_S * one for one in (post, flag * share))
    peak = load.peak_rate
    return Storage(
        redis_bytes=_redis(scenario, settings),
        posts_bytes_per_day=posts_day,
        flags_bytes_per_day=flags_day,
        kafka_bytes_retained=(posts_day + flags_day) * cluster.keep_days * cluster.replication,
        network_bytes_per_s={
            "posts_read": peak * post,
            "flags_written": peak * share * flag,
            "between_brokers": peak * (post + share * flag) * (cluster.replication - 1),
        },
    )


def _redis(scenario: Scenario, settings: Settings) -> dict[str, float | None]:
    load, signals = scenario.load, settings.signals
    authors = scenario.cluster.authors

    def posts_in(seconds: float) -> float:
        return load.mean_rate * seconds

    def by_author(name: str, window_s: float, most: float) -> float | None:
        # Expiry is twice the window; a key keeps twice as many posts as are looked at.
        if authors is None:
            return None
        posts = posts_in(2 * window_s)
        keys = min(authors, posts)
        return SIGNALS[name].of(keys, min(posts, keys * 2 * most))

    fresh = 1 - load.duplicates
    day2 = posts_in(2 * signals.duplicate_window_s)
    bands = min(5 * day2, float(BAND_KEYS))
    known: dict[str, float | None] = {
        "posting_rate": by_author("posting_rate", signals.rate_window_s, 256),
        "duplicate_text": SIGNALS["duplicate_text"].of(day2 * fresh, day2),
        "near_duplicate": SIGNALS["near_duplicate"].of(bands, min(5 * day2, bands * 2 * MOST_IN_BAND)),
        "author_record": by_author("author_record", signals.record_window_s, signals.record_posts),
    }
    scores = {"scores": posts_in(settings.redis.score_ttl_s) * fresh * SCORE}
    return scores | {name: known[name] for name in signals.enabled if name in known}


def monthly_costs(prices: Prices, stored: Storage, devices: int, scenario: Scenario) -> dict[str, float]:
    """Costs a month of 730 hours, of what has a price."""
    sent = sum(stored.network_bytes_per_s.values()) * scenario.load.mean_rate / scenario.load.peak_rate
    priced = {
        "devices": (prices.device_hour, devices * _MONTH_H),
        "kafka": (prices.kafka_gb_month, stored.kafka_bytes_retained / _GB),
        "redis": (prices.redis_gb_month, stored.redis_total / _GB),
        "network": (prices.network_gb, sent * _MONTH_H * 3_600 / _GB),
    }
    return {name: price * amount for name, (price, amount) in priced.items() if price is not None}
