"""Every setting, declared once: name, type, default, meaning.

A setting is an environment variable with the prefix `FLAGSTAFF_` and `__` between levels, or the same key in
a YAML file (`--config`); the environment wins. `FLAGSTAFF_REDIS__URL_FILE=/run/secrets/url` reads the value
of `REDIS__URL` from a file, and so for every other setting that is text.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from worker.errors import SettingsError
from worker.setting_sources import in_user_terms, settings_tree

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "FLAGSTAFF_"

PositiveInt = Annotated[int, Meta(ge=1)]
Ratio = Annotated[float, Meta(gt=0, le=1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Days = Annotated[float, Meta(ge=0, le=36_500)]


def _doc(text: str) -> Meta:
    return Meta(description=text)


class KafkaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Kafka is reached and how partitions are shared out."""

    bootstrap_servers: Annotated[
        str, _doc("Brokers, `host:port` with commas between; empty: none named.")
    ] = ""
    group_id: Annotated[str, _doc("Consumer group.")] = "flagstaff"
    group_instance_id: Annotated[
        str | None, _doc("Static membership: the process number is appended. Unset: dynamic membership.")
    ] = None
    transactional_id_prefix: Annotated[
        str, _doc("Start of the transactional ids; host and process number follow.")
    ] = "flagstaff"
    assignment: Annotated[
        Literal["cooperative-sticky", "range", "roundrobin"], _doc("How partitions are assigned.")
    ] = "cooperative-sticky"
    auto_offset_reset: Annotated[
        Literal["earliest", "latest"], _doc("Where a group without committed offsets starts.")
    ] = "earliest"
    session_timeout_ms: Annotated[PositiveInt, _doc("Silence after which the group gives a worker up.")] = (
        45_000
    )
    max_poll_interval_ms: Annotated[PositiveInt, _doc("Longest pause between two polls.")] = 300_000
    request_timeout_ms: Annotated[
        PositiveInt, _doc("Longest wait for an answer; while publishing, a longer one is an unknown outcome.")
    ] = 15_000
    transaction_timeout_ms: Annotated[
        PositiveInt, _doc("After which the broker aborts a transaction that its worker left open.")
    ] = 30_000
    client: Annotated[
        dict[str, Any],
        _doc("Passed to the Kafka client as it stands: `security_protocol`, `sasl_*`, `ssl_*`."),
    ] = field(default_factory=dict)


class TopicSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the topics."""

    posts: Annotated[str, _doc("Posts in.")] = "posts"
    flags: Annotated[str, _doc("Flags out.")] = "flags"
    dead_letters: Annotated[str, _doc("Records that could not be decided.")] = "dead-letters"
    decisions: Annotated[str, _doc("What the staff decided.")] = "decisions"
    appeals: Annotated[str, _doc("Authors' appeals against flags, written by the platform.")] = "appeals"
    holds: Annotated[
        str, _doc("Which actions are held down, and who lifted that; one partition, compacted.")
    ] = "holds"
    shadow: Annotated[str, _doc("What a challenger would have decided.")] = "shadow"
    stages: Annotated[str, _doc("Each step of a staged release; one partition, compacted.")] = "stages"


class TopicShapeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the topics should be like, for `flagstaff topics`; the worker itself reads none of it."""

    partitions: Annotated[
        PositiveInt, _doc("Least partitions of the topics that grow with the posts; the others have one.")
    ] = 12
    replication: Annotated[PositiveInt, _doc("Least copies of each partition.")] = 3
    min_in_sync: Annotated[
        PositiveInt | None,
        _doc("Least copies that must have a record before it counts. Unset: one less than there are."),
    ] = None
    posts_days: Annotated[Days, _doc("How long posts are kept; 0: for ever, here and below.")] = 30.0
    flags_days: Annotated[Days, _doc("The same for flags.")] = 365.0
    dead_letters_days: Annotated[Days, _doc("The same for dead letters.")] = 30.0
    decisions_days: Annotated[Days, _doc("The same for the staff's decisions.")] = 0.0
    appeals_days: Annotated[Days, _doc("The same for authors' appeals.")] = 365.0
    shadow_days: Annotated[Days, _doc("The same for what a challenger would have decided.")] = 30.0


class RedisSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scores and signal state. The worker goes on without them, slower."""

    url: Annotated[
        str, _doc("`redis://`, `rediss://` or `unix://`; empty: no cache and no signal state.")
    ] = ""
    prefix: Annotated[str, _doc("Start of every key.")] = "flagstaff"
    timeout_ms: Annotated[PositiveInt, _doc("Longest wait for an answer.")] = 250
    score_ttl_s: Annotated[PositiveInt, _doc("How long a score is kept.")] = 7 * 24 * 3600
    breaker_failures: Annotated[PositiveInt, _doc("Failures in a row after which Redis is left alone.")] = 3
    breaker_reset_s: Annotated[Seconds, _doc("How long it is left alone.")] = 5.0


class DetectorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which detector decides, on what."""

    model: Annotated[
        str,
        _doc(
            "A directory, OpenAI's `.pt` file with a tokenizer beside it, a hub id, `default` (it ships) or "
            "`constant` (says nothing)."
        ),
    ] = "default"
    revision: Annotated[str | None, _doc("Commit of a hub id; needed for one.")] = None
    device: Annotated[str, _doc("`auto`, `cpu`, `cuda` or `cuda:N`.")] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16", "int8"],
        _doc(
            "Number format of the model. `auto`: bfloat16 where the device computes in it, else float32; a "
            "calibrated detector stays in its calibration's format unless the other was measured."
        ),
    ] = "auto"
    token_budget: Annotated[
        PositiveInt | None,
        _doc(
            "Most tokens in one batch; on a GPU also the size of every batch, full or not. Unset: what suits "
            "the detector, for a transformer 2,048 a core, and 16,384 on a GPU."
        ),
    ] = None
    max_windows: Annotated[
        PositiveInt, _doc("Windows of a long text that a transformer looks at, from its beginning.")
    ] = 4
    max_latency_ms: Annotated[PositiveInt, _doc("Longest that a post waits for its batch to fill.")] = 50
    isolation_timeout_s: Annotated[
        Seconds, _doc("Longest that one post may take when it is scored alone in a child process.")
    ] = 60.0


class StreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is in flight, and how often it is committed."""

    in_flight_posts: Annotated[PositiveInt, _doc("Most posts between poll and commit.")] = 20_000
    in_flight_bytes: Annotated[PositiveInt, _doc("Most bytes of records between poll and commit.")] = (
        64 * 2**20
    )
    poll_records: Annotated[PositiveInt, _doc("Most records of one poll.")] = 2_000
    transaction_interval_ms: Annotated[
        PositiveInt, _doc("Longest that a decided post waits to be committed.")
    ] = 100
    transaction_posts: Annotated[PositiveInt, _doc("Most posts in one transaction.")] = 10_000
    max_post_bytes: Annotated[PositiveInt, _doc("A larger record is a dead letter.")] = 900_000
    max_text_chars: Annotated[PositiveInt, _doc("A longer text is a dead letter.")] = 500_000
    max_fenced: Annotated[
        PositiveInt, _doc("Times in a row that a worker may be fenced before it stops.")
    ] = 5


class BreakerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the worker stops instead of filling the dead-letter topic."""

    window: Annotated[PositiveInt, _doc("Latest posts that the ratio is taken over.")] = 1_000
    max_ratio: Annotated[Ratio, _doc("Share of dead letters in a full window that trips it.")] = 0.5
    max_run: Annotated[PositiveInt, _doc("Dead letters in a row that trip it.")] = 500


class ActionRateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an action whose flags run far above their usual rate is held down to `label`."""

    enabled: Annotated[bool, _doc("Whether rates are watched and holds are kept to.")] = True
    usual_review: Annotated[
        Share | None, _doc("Usual share of decided posts with the action `review`; unset: learned.")
    ] = None
    usual_limit: Annotated[Share | None, _doc("The same for `limit`.")] = None
    usual_least: Annotated[Share, _doc("A lower share that was learned counts as this one.")] = 0.005
    usual_most: Annotated[
        Share, _doc("A higher share that was learned counts as this one; so does one not learned yet.")
    ] = 0.1
    learn_posts: Annotated[
        int,
        Meta(ge=1_000, le=10**12),
        _doc("Latest decided posts of a process that a usual share is learned from; a tenth is enough."),
    ] = 1_000_000
    odds_ratio: Annotated[
        float, Meta(gt=1, le=1_000), _doc("Odds of the action, over the usual ones, that are to be found.")
    ] = 5.0
    dispersion: Annotated[
        float,
        Meta(ge=1, le=10_000),
        _doc("Flags that come together (an author's, a campaign's) and count as one."),
    ] = 10.0
    posts_between_false_alarms: Annotated[
        int,
        Meta(ge=100, le=10**18),
        _doc("Least mean number of posts between two false alarms of an action."),
    ] = 10_000_000_000


class SignalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which signals are read, and over which time."""

    enabled: Annotated[tuple[str, ...], _doc("Names of the signals that are read.")] = (
        "account_age",
        "follower_ratio",
        "posting_rate",
        "duplicate_text",
        "near_duplicate",
        "link_share",
        "author_record",
    )
    rate_window_s: Annotated[PositiveInt, _doc("Time over which an author's posting rate is counted.")] = 3600
    duplicate_window_s: Annotated[PositiveInt, _doc("Time over which the same text is looked for.")] = (
        24 * 3600
    )
    record_window_s: Annotated[PositiveInt, _doc("Time over which an author's own record is kept.")] = (
        30 * 24 * 3600
    )
    record_posts: Annotated[PositiveInt, _doc("Most posts in an author's own record.")] = 100


class FieldSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """JMESPath expressions that find the fields of a post in other shapes; unset: the field itself."""

    id: Annotated[str | None, _doc("Where `id` is.")] = None
    text: Annotated[str | None, _doc("Where `text` is.")] = None
    created_at: Annotated[
        str | None,
        _doc(
            "Where `created_at` is. Where any field is mapped, times may also be seconds since 1970, "
            "or milliseconds from 100,000,000,000 on."
        ),
    ] = None
    lang: Annotated[str | None, _doc("Where `lang` is.")] = None
    reply_to: Annotated[str | None, _doc("Where `reply_to` is.")] = None
    client: Annotated[str | None, _doc("Where `client` is.")] = None
    author: Annotated[str | None, _doc("Where `author` is: an object with the fields of an author.")] = None
    metadata: Annotated[str | None, _doc("Where `metadata` is: an object that is passed through.")] = None


class PolicySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How readings become an action."""

    file: Annotated[str | None, _doc("Policy file; unset: the default that ships.")] = None


class GateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a challenger must have shown before its next stage."""

    required: Annotated[
        tuple[Literal["disagreement", "flag_rate", "verdicts", "calibration", "bias"], ...],
        _doc(
            "Gates that must be passed. Any other holds a challenger back only where it was measured and "
            "fails. `bias` is not asked of one that has the live detector."
        ),
    ] = ("disagreement", "flag_rate", "bias")
    min_posts: Annotated[PositiveInt, _doc("Compared posts, at least, that a gate is passed on.")] = 1_000
    min_verdicts: Annotated[PositiveInt, _doc("Reviewed posts, at least, that a gate is passed on.")] = 50
    max_disagreement: Annotated[
        Ratio, _doc("Most of the posts on which another action would be taken, or none for one.")
    ] = 0.05
    max_flag_rate_change: Annotated[
        Ratio, _doc("Most that the share of posts acted on may rise or fall, as a share of all posts.")
    ] = 0.02
    max_verdict_loss: Annotated[
        Ratio, _doc("Most that the share of reviewed posts decided as the reviewers did may fall.")
    ] = 0.05
    max_calibration_error: Annotated[
        Ratio, _doc("Most between mean probability and share of machines, over reviewed posts.")
    ] = 0.15
    evaluation: Annotated[
        str | None, _doc("`evaluation.json` of the challenger's detector, for its bias table.")
    ] = None


class StageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The challenger: a new detector or policy that goes out in stages (`flagstaff stage`)."""

    model: Annotated[
        str | None,
        _doc("Its detector, named as in `detector.model`; unset: the live one. All else is `detector.*`."),
    ] = None
    revision: Annotated[str | None, _doc("Commit of a hub id; needed for one.")] = None
    policy_file: Annotated[str | None, _doc("Its policy file; unset: the live one.")] = None
    shares: Annotated[
        tuple[Annotated[float, Meta(gt=0, lt=1)], ...],
        _doc("Shares of the authors that it decides for between `shadow` and `all`, one after another."),
    ] = (0.05, 0.25)
    time_share: Annotated[
        Ratio, _doc("Most of a process's time that deciding beside the live one may take.")
    ] = 0.1
    queue_posts: Annotated[
        PositiveInt, _doc("Most posts that wait to be decided beside; others are skipped and counted.")
    ] = 1_000
    gates: GateSettings = field(default_factory=GateSettings)

    @property
    def named(self) -> bool:
        """Whether there is a challenger."""
        return self.model is not None or self.policy_file is not None


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics and health."""

    host: Annotated[str, _doc("Address that is listened on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65_535), _doc("Port of the first process, the next has the next; 0: none.")
    ] = 9_464


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Logs, to standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _doc("Lowest level that is written.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "json", "console"], _doc("`auto`: console on a terminal, JSON elsewhere.")
    ] = "auto"


class OidcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OpenID Connect provider at which the staff sign in, with `review.access=oidc`."""

    issuer: Annotated[
        str, _doc("The provider's issuer; below it lies `/.well-known/openid-configuration`.")
    ] = ""
    client_id: Annotated[str, _doc("The name under which the console is known to the provider.")] = ""
    client_secret: Annotated[str, _doc("The secret that goes with it.")] = ""
    scopes: Annotated[tuple[str, ...], _doc("What is asked for; `openid` is among it.")] = (
        "openid",
        "profile",
        "email",
    )
    name_claim: Annotated[
        str,
        _doc(
            "Where the ID token names the person, as a JMESPath expression: what nobody can change for "
            "themselves. An `email` that the provider calls unverified is refused."
        ),
    ] = "email"
    role_claim: Annotated[
        str, _doc("Where it holds the person's groups or roles, a text or a list; JMESPath.")
    ] = "groups"
    reviewer_values: Annotated[tuple[str, ...], _doc("Values there that make a reviewer.")] = (
        "flagstaff-reviewer",
    )
    lead_values: Annotated[
        tuple[str, ...], _doc("The same for a lead, who may be among the reviewers too.")
    ] = ("flagstaff-lead",)
    auditor_values: Annotated[
        tuple[str, ...], _doc("The same for an auditor, who may not be anything else.")
    ] = ("flagstaff-auditor",)


class ReviewSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The console in which the staff decide: `flagstaff review`."""

    host: Annotated[
        str, _doc("Address that is listened on; with `access=link` it must be this machine's own.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535), _doc("Port; 0: any that is free.")] = 8_464
    hosts: Annotated[
        tuple[str, ...], _doc("Names under which browsers reach the console; others are refused.")
    ] = ("127.0.0.1", "localhost")
    access: Annotated[
        Literal["link", "proxy", "oidc"],
        _doc(
            "`link`: by one-time links that are printed at the start; `proxy`: a proxy says who somebody "
            "is; `oidc`: people sign in at an OpenID Connect provider."
        ),
    ] = "link"
    public_url: Annotated[
        str,
        _doc("With `access=oidc`: the console's address in browsers, `https://` and a name of `hosts`."),
    ] = ""
    oidc: OidcSettings = field(default_factory=OidcSettings)
    proxy_secret: Annotated[
        str, _doc("What the proxy sends as `X-Flagstaff-Proxy-Secret`; at least 32 characters.")
    ] = ""
    proxy_addresses: Annotated[tuple[str, ...], _doc("Addresses from which the proxy connects.")] = (
        "127.0.0.1",
    )
    proxy_user_header: Annotated[str, _doc("Header in which the proxy names the person.")] = (
        "X-Forwarded-User"
    )
    proxy_role_header: Annotated[
        str, _doc("Header in which it names the role: `reviewer`, `lead` or `auditor`; none: `reviewer`.")
    ] = "X-Forwarded-Role"
    session_s: Annotated[PositiveInt, _doc("After which somebody has to sign in again.")] = 12 * 3600
    session_idle_s: Annotated[PositiveInt, _doc("The same, without anything being asked.")] = 3600
    lock_s: Annotated[PositiveInt, _doc("How long a flag stays in the hand of who took it.")] = 600
    double_share: Annotated[
        float, Meta(ge=0, le=1), _doc("Share of flags that two people decide on; the same in every console.")
    ] = 0.1
    known_file: Annotated[
        str | None,
        _doc("JSON lines with `post_id` and `label` (`machine`, `human`): posts whose author is known."),
    ] = None
    known_share: Annotated[
        float, Meta(ge=0, le=1), _doc("Share of posts put before a reviewer that are known ones.")
    ] = 0.05
    hide_until_verdict: Annotated[
        bool, _doc("Whether score, action and reasons are hidden from a reviewer until the first verdict.")
    ] = False
    hide_share: Annotated[
        float,
        Meta(ge=0, le=1),
        _doc(
            "With `hide_until_verdict`: the share of flags of which they are hidden, drawn for each "
            "reviewer. Below 1 the others show how much the score sways people."
        ),
    ] = 1.0
    least_sample: Annotated[PositiveInt, _doc("Smallest sample of which a person's figures are shown.")] = 50
    how_to_appeal: Annotated[
        str,
        _doc(
            "Where and by when an author appeals, in whole sentences: it stands in the notice to an author "
            "and on the page for the public."
        ),
    ] = ""
    database: Annotated[
        str, _doc("SQLite file, or SQLAlchemy's address of a PostgreSQL; empty: in the data directory.")
    ] = ""

    @property
    def configured(self) -> bool:
        """Whether anything is set for a console."""
        return self != ReviewSettings()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    topics: TopicSettings = field(default_factory=TopicSettings)
    topic_shape: TopicShapeSettings = field(default_factory=TopicShapeSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    action_rate: ActionRateSettings = field(default_factory=ActionRateSettings)
    signals: SignalSettings = field(default_factory=SignalSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    stage: StageSettings = field(default_factory=StageSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    log: LogSettings = field(default_factory=LogSettings)
    emit: Annotated[Literal["flagged", "all"], _doc("Publish only what acts, or every decision.")] = "flagged"
    processes: Annotated[PositiveInt, _doc("Whole workers in one command.")] = 1
    grace_period_s: Annotated[Seconds, _doc("Longest that SIGTERM waits for work in flight.")] = 20.0
    watch_interval_s: Annotated[
        float,
        Meta(ge=0, le=86_400),
        _doc(
            "Seconds between two looks at settings file, policy file and model directory: a change is taken "
            "over as on SIGHUP. 0: only on SIGHUP."
        ),
    ] = 0.0
    data_dir: Annotated[str, _doc("Where a worker notes what outlives its process.")] = ".flagstaff"

    @property
    def staff_topics(self) -> list[str]:
        """Topics that a worker never touches: the staff's decisions and, for a console, appeals."""
        topics = self.topics
        return [topics.decisions, topics.appeals] if self.review.configured else [topics.decisions]


def load_settings(config: Path | None = None, environ: dict[str, str] | None = None) -> Settings:
    """The settings of a YAML file, overlaid with those of the environment.

    Args:
        config: a YAML file, or None for the environment alone.
        environ: the environment; None for the process's own.

    Raises:
        SettingsError: an unknown key, a bad value or an unreadable file; one line that names it.
    """
    tree = settings_tree(Settings, PREFIX, config, dict(os.environ) if environ is None else environ)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {in_user_terms(str(error), Settings, PREFIX)}") from None


def settings_table() -> list[tuple[str, str, str]]:
    """Every setting as (environment variable, default, meaning), in the order of declaration."""
    return _rows(Settings, PREFIX)


def _rows(kind: type[Struct], prefix: str) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    hints = get_type_hints(kind, include_extras=True)
    defaults = kind()
    for name in kind.__struct_fields__:
        hint = hints[name]
        if isinstance(hint, type) and issubclass(hint, Struct):
            rows += _rows(hint, f"{prefix}{name.upper()}__")
            continue
        meanings = [m.description for m in get_args(hint)[1:] if isinstance(m, Meta) and m.description]
        default = getattr(defaults, name)
        shown = _shown(default)
        meaning = meanings[-1]
        if get_origin(get_args(hint)[0]) is Literal:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in get_args(get_args(hint)[0]))}."
        rows.append((f"{prefix}{name.upper()}", shown, meaning))
    return rows


def _shown(default: Any) -> str:
    """A default as it would be written in the environment."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default in (None, {}) else str(default)
