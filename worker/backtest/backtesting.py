"""A backtest from beginning to end: a replay of several variants, watched as it decides."""

from __future__ import annotations

import platform
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from worker import __version__
from worker.backtest.account import Account, Decided
from worker.backtest.figures import BacktestReport, Beside, Changed, Decisions
from worker.replay.differences import FLAG, Place, side
from worker.replay.manifest import MANIFEST, BacktestInputs, BacktestManifest, Manifest
from worker.replay.output import Output, Sealed, sealed_file
from worker.replay.replaying import Replay
from worker.replay.signature import SIGNATURE, signed
from worker.replay.writing import public_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from worker.backtest.figures import Verdict
    from worker.backtest.staff import Staff
    from worker.records import Action, Flag
    from worker.replay.differences import Comparison, Side
    from worker.replay.signature import PrivateKey
    from worker.replay.summary import Summary
    from worker.replay.topics import Asked
    from worker.replay.variants import Variant
    from worker.settings import Settings

T = TypeVar("T", bound=str)

REPORT: Final = "backtest.json"

_ENCODER: Final = msgspec.json.Encoder()
_OWN_SETTINGS: Final = ("detector", "policy", "signals")
_CHANGED: Final = frozenset({"comes", "goes", "changes"})


class Backtest:
    """One backtest.

    Args:
        settings: all settings; the live one is made of them.
        asked: what is replayed.
        variants: the live one, then the candidates.
        out: where all outputs go.

    Attributes:
        replay: what reads, scores and decides.

    Raises:
        SettingsError: as for a replay.
        BrokerError: as above.
        KafkaError: as above.
    """

    def __init__(self, settings: Settings, asked: Asked, variants: Sequence[Variant], out: Path) -> None:
        self._variants = variants
        self._out = out
        self.replay = Replay(settings, asked, variants, out)

    def finish(
        self, staff: Staff, key: PrivateKey | None, progress: Callable[[int, int], None]
    ) -> BacktestReport:
        """Decides, compares and writes; all posts are scored.

        Args:
            staff: what the staff decided.
            key: signs the manifests; None: they are not signed.
            progress: called with posts decided and posts in all.

        Raises:
            FlagstaffError: as `Replay.merge`.
        """
        work = self._out / ".backtest"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with ExitStack() as files:
                names = [variant.name for variant in self._variants]
                lists = {
                    name: files.enter_context(Output(work, f"changes-{name}.jsonl")) for name in names[1:]
                }
                watch = _Watch(names, lists, staff)
                summaries = self.replay.merge(key, progress, watch.see)
                report = self._report(watch, staff, summaries)
                told = files.enter_context(Output(work, REPORT))
                for line in msgspec.json.format(_ENCODER.encode(report), indent=1).splitlines():
                    told.write(line)
                self._publish([*lists.values(), told], staff, key, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return report

    def _report(self, watch: _Watch, staff: Staff, summaries: Sequence[Summary]) -> BacktestReport:
        results = []
        for variant, account in zip(self._variants, watch.accounts, strict=True):
            settings = public_settings(variant.settings) if variant.settings is not None else {}
            results.append(
                Beside(
                    name=variant.name,
                    variant=variant.stamp,
                    settings={name: settings[name] for name in _OWN_SETTINGS if name in settings},
                    posts=account.posts,
                    failed=account.failed,
                    actions=_ordered(account.actions),
                    changes=_ordered(account.changes),
                    transitions=_ordered(account.transitions),
                    verdicts={change: _ordered(some) for change, some in account.verdicts.items() if some},
                    reviews=account.reviews(),
                    flagged=account.flagged(),
                    sent_to_people=account.sent_to_people(),
                )
            )
        return BacktestReport(
            asked=summaries[0].asked,
            versions={"flagstaff": __version__, "python": platform.python_version()},
            not_recorded=summaries[0].result.not_recorded,
            decisions=Decisions(
                read=staff.count,
                elsewhere=staff.elsewhere,
                overturned=staff.overturned,
                unreadable=staff.unreadable,
                posts=_ordered(watch.verdicts),
            ),
            results=tuple(results),
        )

    def _publish(self, outputs: Sequence[Output], staff: Staff, key: PrivateKey | None, work: Path) -> None:
        sealed: dict[str, Sealed] = {output.name: output.seal() for output in outputs}
        for output in outputs:
            output.publish(self._out)
        for variant in self._variants:
            folder = self._out / variant.name
            own = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
            sealed |= {f"{variant.name}/{name}": one for name, one in own.outputs.items()}
            for name in (MANIFEST, SIGNATURE) if key is not None else (MANIFEST,):
                sealed[f"{variant.name}/{name}"] = sealed_file(folder / name)
        manifest = BacktestManifest(
            versions={"flagstaff": __version__, "python": platform.python_version()},
            inputs=BacktestInputs(decisions=staff.sealed()),
            outputs=sealed,
        )
        content = msgspec.json.format(_ENCODER.encode(manifest), indent=1) + b"\n"
        if key is not None:
            (self._out / SIGNATURE).write_bytes(signed(content, key))
        # Last: where there is a manifest, all is there.
        (work / MANIFEST).write_bytes(content)
        (work / MANIFEST).replace(self._out / MANIFEST)


class _Watch:
    """Sees each post that all variants have decided."""

    def __init__(self, names: Sequence[str], lists: dict[str, Output], staff: Staff) -> None:
        self.accounts = [Account() for _ in names]
        self.verdicts: dict[Verdict, int] = {}
        self._names = names
        self._lists = lists
        self._staff = staff

    def see(self, decided: Sequence[Sequence[Comparison]]) -> None:
        """Posts in the order of event time, for each variant the same ones."""
        for post in zip(*decided, strict=True):
            first = post[0].joined
            flags = [one.flag for one in post]
            verdict = self._staff.verdict(
                # What was published may be gone, and then a flag's id is still that of the same decision.
                [FLAG.decode(flag).id for flag in first.flags] + [flag.id for flag in flags if flag]
            )
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
            author = first.post.author.id if first.post.author is not None else first.post.id
            live = flags[0]
            for name, account, flag in zip(self._names, self.accounts, flags, strict=True):
                change = account.add(Decided(first.at, author, verdict, _action(live), _action(flag)))
                if change in _CHANGED:
                    line = Changed(
                        change=change,
                        source=Place(first.partition, first.offset),
                        post_id=first.post.id,
                        verdict=verdict,
                        live=_side(live),
                        candidate=_side(flag),
                    )
                    self._lists[name].write(_ENCODER.encode(line))


def _action(flag: Flag | None) -> Action | None:
    return None if flag is None else flag.action


def _side(flag: Flag | None) -> Side | None:
    return None if flag is None else side(flag)


def _ordered(counts: Mapping[T, int]) -> dict[T, int]:
    return dict(sorted(counts.items()))
