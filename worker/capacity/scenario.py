"""What is asked of a plan: load, posts, goal, engine, zones, prices."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(gt=0, le=10_000_000)]
Positive = Annotated[float, Meta(gt=0)]
Price = Annotated[float, Meta(ge=0)]


class Bursts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rises of the rate beyond chance.

    Attributes:
        factor: rate in a burst over that outside of it; 1: none.
        lasts_s: length of each.
        every_s: one comes in every so many seconds, at random.
    """

    factor: Annotated[float, Meta(ge=1, le=1_000)] = 1.0
    lasts_s: Annotated[float, Meta(gt=0, le=3_600)] = 2.0
    every_s: Annotated[float, Meta(gt=0, le=3_600)] = 20.0


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many posts come.

    Attributes:
        peak: posts a second in the busiest hour, on average.
        mean: posts a second over the day; unset: those of `hourly`, else the peak.
        hourly: posts a second in each of 24 hours; the largest is the peak.
        bursts: within the busiest hour.
        duplicates: share of posts whose text was scored before, so that its score is in the cache.
        hottest: load of the busiest partition over that of the mean one.
    """

    peak: Rate | None = None
    mean: Rate | None = None
    hourly: (
        Annotated[tuple[Annotated[float, Meta(ge=0, le=10_000_000)], ...], Meta(min_length=24, max_length=24)]
        | None
    ) = None
    bursts: Bursts = field(default_factory=Bursts)
    duplicates: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    hottest: Annotated[float, Meta(ge=1, le=100)] = 1.0

    @property
    def peak_rate(self) -> float:
        """Posts a second in the busiest hour."""
        return max(self.hourly) if self.hourly else self.peak or 0.0

    @property
    def mean_rate(self) -> float:
        """Posts a second over the day."""
        if self.hourly:
            return sum(self.hourly) / len(self.hourly)
        return self.mean or self.peak_rate


class Lengths(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lengths of posts in the detector's tokens: lognormal, cut off at both ends.

    Attributes:
        median: of the law before it is cut off.
        sigma: standard deviation of the logarithm.
        least: shortest.
        most: longest that the detector sees.
    """

    median: Annotated[float, Meta(ge=1, le=100_000)] = 45.0
    sigma: Annotated[float, Meta(ge=0, le=3)] = 1.0
    least: Annotated[int, Meta(ge=1)] = 4
    most: Annotated[int, Meta(ge=1, le=1_000_000)] = 512


class Goal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to hold in the busiest hour with a zone lost.

    Attributes:
        p99_ms: from topic to topic, of 99 in 100 posts, once the lost zone's lag is caught up.
        catch_up_s: longest until it is, from the loss on.
    """

    p99_ms: Positive = 1_000.0
    catch_up_s: Positive = 600.0


class Engine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detector on one device, where it is not the one of the costs file.

    Attributes:
        tokens_per_s: that one device scores, all its processes together.
        posts_per_s: the same in posts of the scenario's lengths.
        kind: `gpu` takes no cores from Python while it computes, `cpu` all of the worker's.
        token_budget: tokens of a batch; on a GPU a batch takes as long as a full one, so this matters.
        processes: workers that share one device.
    """

    tokens_per_s: Positive | None = None
    posts_per_s: Positive | None = None
    kind: Literal["gpu", "cpu"] = "gpu"
    token_budget: Annotated[int, Meta(ge=1)] = 16_384
    processes: Annotated[int, Meta(ge=1, le=64)] = 1


class Cluster(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What surrounds the workers.

    Attributes:
        cores: that one worker process may use.
        zones: over which workers and brokers are spread evenly; one of them is lost. 1: none is.
        partitions: of the posts topic; unset: as many as the workers need.
        rebalance_s: from the group's noticing the loss to the first read of what is taken over.
        replication: copies of each topic.
        keep_days: retention of posts and of flags.
        post_bytes: of a record of the posts topic, as it is stored; unset: six a token and 250 around them.
        flagged: share of posts that become a flag. With `emit=all` every post is published.
        authors: that post in a month.
        compression: stored bytes over raw ones, of flags.
    """

    cores: Annotated[float, Meta(ge=0.1, le=256)] = 2.0
    zones: Annotated[int, Meta(ge=1, le=12)] = 3
    partitions: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    rebalance_s: Annotated[float, Meta(ge=0, le=600)] = 5.0
    replication: Annotated[int, Meta(ge=1, le=7)] = 3
    keep_days: Annotated[float, Meta(gt=0, le=3650)] = 7.0
    post_bytes: Annotated[float, Meta(ge=1, le=10_000_000)] | None = None
    flagged: Share = 0.05
    authors: Annotated[float, Meta(ge=0)] | None = None
    compression: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What things cost; what has no price is not in the sum.

    Attributes:
        currency: how amounts are named.
        device_hour: a device with its workers, or a CPU worker, an hour.
        kafka_gb_month: stored in Kafka, each copy.
        redis_gb_month: of Redis memory.
        network_gb: between zones or out, as you are charged.
    """

    currency: str = ""
    device_hour: Price | None = None
    kafka_gb_month: Price | None = None
    redis_gb_month: Price | None = None
    network_gb: Price | None = None


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is asked."""

    load: Load = field(default_factory=Load)
    posts: Lengths = field(default_factory=Lengths)
    goal: Goal = field(default_factory=Goal)
    engine: Engine = field(default_factory=Engine)
    cluster: Cluster = field(default_factory=Cluster)
    prices: Prices = field(default_factory=Prices)
