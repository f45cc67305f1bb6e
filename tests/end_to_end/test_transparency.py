"""The public report of a demo month: in a browser, with every figure counted a second time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest

from tests.support.axe import serious_findings
from tests.support.browser import chromium, needs_chromium
from tests.support.command import flagstaff
from tests.support.demo_month import END, START, demo_month
from tests.support.public_count import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.command import Ended
    from tests.support.demo_month import DemoMonth
    from tests.support.public_count import Counted

LATE_MS = 600_000
ACTIONS = ("limit", "review", "label", "abstain", "pass")
STAGES = ("decode", "detect", "signal", "publish")
VERDICTS = ("machine", "human", "unsure")
# Width in pixels, and colours: a desk and a phone.
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1200, "light"), (390, "dark"))
Counts = dict[tuple[str, ...], int]


class Month(NamedTuple):
    """A month, its reports with and without hidden counts, and the second count."""

    made: DemoMonth
    hiding: Path
    plain: Path
    second: Counted


def report(made: DemoMonth, out: Path, *more: str) -> Ended:
    period = ("--from", START.isoformat(), "--to", END.isoformat())
    return flagstaff("transparency", *period, "--out", str(out), *more, settings=made.environ)


@pytest.fixture(scope="module")
def month(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Month:
    folder = tmp_path_factory.mktemp("month")
    with pytest.MonkeyPatch.context() as patch:
        made = demo_month(folder, kafka, patch)
    for name, more in (("hiding", ()), ("plain", ("--minimum", "1"))):
        ended = report(made, folder / name, *more)
        assert (ended.code, ended.out) == (0, f"the report is in {folder / name / 'transparency.html'}\n")
    second = counted(kafka, made.settings, START, END, LATE_MS)
    return Month(made, folder / "hiding", folder / "plain", second)


def loaded(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "transparency.json").read_bytes())
    return read


def leaves(cell: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int | None]]:
    yield path, cell["count"]
    for part in cell["parts"]:
        yield from leaves(part, (*path, part["name"]))


def trees(count: Counted) -> dict[str, Counts]:
    """Every count of the report by its place in it, from the second count."""
    posts: Counts = {(): count.posts, ("unpublished",): count.outcomes["unpublished"]}
    posts |= {(name,): count.outcomes[name] for name in ACTIONS}
    posts |= {("dead-letter", stage): count.outcomes[stage] for stage in STAGES}
    posts["dead-letter",] = sum(count.outcomes[stage] for stage in STAGES)
    rows = (*ACTIONS, "earlier")
    verdicts: Counts = {(row, column): count.verdicts[row, column] for row in rows for column in VERDICTS}
    verdicts |= {(row,): sum(count.verdicts[row, column] for column in VERDICTS) for row in rows}
    verdicts |= {(): sum(count.verdicts.values())}
    agreed, disagreed = count.agreed
    return {
        "posts": posts,
        "deletions": {(): count.deletions},
        "verdicts": verdicts,
        "shared": {(): agreed + disagreed, ("agreed",): agreed, ("disagreed",): disagreed},
        "appeals": {(): count.appeals.total()}
        | {(name,): count.appeals[name] for name in ("upheld", "overturned", "open")},
        "earlier_appeals": {(): count.earlier.total()}
        | {(name,): count.earlier[name] for name in ("upheld", "overturned")},
        "late": {(): len(count.late)},
        "gone": {(): 0},
        "again": {(): 0},
    }


def shown(data: dict[str, Any]) -> dict[str, dict[tuple[str, ...], int | None]]:
    """The same from `transparency.json`."""
    cells = {name: data[name] for name in ("posts", "deletions", "verdicts", "appeals", "earlier_appeals")}
    cells |= {"shared": data["agreement"]["flags"], "late": data["downtime"]["late"]}
    cells |= {name: data[name] for name in ("gone", "again")}
    return {name: dict(leaves(cell)) for name, cell in cells.items()}


def test_every_count_is_what_a_second_count_of_the_topics_comes_to(month: Month) -> None:
    data, count = loaded(month.plain), month.second
    assert shown(data) == trees(count)
    assert {cell["name"]: cell["count"] for cell in data["work"]} == dict(count.work)
    assert [
        (one["name"], one["threshold"], one["false_positive_bound"]) for one in data["detectors"]
    ] == list(count.detectors)
    # The month has something of everything, else the above would show little.
    assert all(count.outcomes[name] for name in (*ACTIONS, "decode"))
    assert all(
        count.verdicts[name, verdict] for name in ("limit", "earlier") for verdict in ("machine", "human")
    )
    assert all(count.appeals[name] for name in ("upheld", "overturned", "open"))
    assert count.earlier.total()
    assert min(count.agreed) > 0
    assert min(count.work.values()) > 0


def test_agreement_is_what_its_definition_says(month: Month) -> None:
    """Krippendorff's alpha from pairs of reviewers, one minus observed over expected disagreement."""
    units = month.second.units
    pairs = [
        (one, other, len(unit) - 1)
        for unit in units
        for place, one in enumerate(unit)
        for other in unit[:place] + unit[place + 1 :]
    ]
    values = [value for unit in units for value in unit]
    observed = sum((one != other) / weight for one, other, weight in pairs) / len(values)
    expected = sum(
        one != other for place, one in enumerate(values) for other in values[:place] + values[place + 1 :]
    ) / (len(values) * (len(values) - 1))
    assert loaded(month.hiding)["agreement"]["alpha"] == pytest.approx(1 - observed / expected)


def test_late_times_are_those_in_which_some_post_was_overdue(month: Month) -> None:
    minutes = {minute for begin, end in month.second.late for minute in range(begin, end)}
    plain, hiding = loaded(month.plain)["downtime"], loaded(month.hiding)["downtime"]
    told = {
        minute for one in plain["stretches"] for minute in range(one["begin_s"] // 60, one["end_s"] // 60)
    }
    assert told == minutes
    assert plain["minutes"] == len(minutes)
    # Six posts of an evening came late: too few for their time to be told.
    assert (len(plain["stretches"]), len(hiding["stretches"])) == (2, 1)
    assert hiding["stretches"] == [{"begin_s": 1773403800, "end_s": 1773416400}]
    assert hiding["minutes"] == 210


def test_small_counts_are_hidden_and_no_other_but_those_that_would_tell_them(month: Month) -> None:
    hidden = 0
    for name, counts in shown(loaded(month.hiding)).items():
        for path, count in counts.items():
            true = trees(month.second)[name][path]
            if count is None:
                hidden += 1
                assert true > 0
            else:
                assert count == true
                assert count == 0 or count >= 10
    assert hidden > 5


def test_the_same_records_give_the_same_bytes(month: Month, tmp_path: Path) -> None:
    assert report(month.made, tmp_path).code == 0
    for name in ("transparency.html", "transparency.json", "about.html"):
        assert (tmp_path / name).read_bytes() == (month.hiding / name).read_bytes()


def test_no_text_and_nobody_is_in_it(month: Month) -> None:
    written = b"".join(path.read_bytes() for path in sorted(month.plain.iterdir())).decode()
    for secret in ("ann", "bob", "cy", "dan", "myself"):
        assert not re.search(rf"\b{secret}\b", written)
    assert "author-" not in written
    assert "appeal-p" not in written
    assert month.made.settings.kafka.bootstrap_servers not in written
    for topic in month.made.environ.values():
        assert not topic.startswith("posts-") or topic not in written


def number(text: str) -> str:
    return text.replace(",", "")


def tables(browser: Browser, page_file: Path) -> tuple[dict[str, list[list[str]]], str]:
    page = browser.new_context().new_page()
    page.goto(page_file.as_uri())
    found: dict[str, list[list[str]]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("[role=region]")].map((region) => [
            region.getAttribute("aria-label"),
            [...region.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((one) => one.innerText)),
        ]))"""
    )
    text: str = page.inner_text("main")
    return found, text


@needs_chromium
def test_the_page_shows_these_figures(month: Month) -> None:
    with chromium() as browser:
        found, text = tables(browser, month.plain / "transparency.html")
    count, data = month.second, loaded(month.plain)
    letters = sum(count.outcomes[stage] for stage in STAGES)
    expected = [*(count.outcomes[name] for name in ACTIONS), letters, count.outcomes["unpublished"]]
    assert [int(number(row[1])) for row in found["What was decided"]] == expected
    staff = [
        [sum(said), *said]
        for row in (*ACTIONS, "earlier")
        if any(said := [count.verdicts[row, column] for column in VERDICTS])
    ]
    assert [[int(number(cell)) for cell in row[1:5]] for row in found["What the staff said"]] == staff
    for row, (_, machine, human, _) in zip(found["What the staff said"], staff, strict=True):
        share = f"{100 * human / (machine + human):.1f} %" if machine + human else "not told"
        assert row[5].startswith(share)
    received = [count.appeals.total(), *(count.appeals[name] for name in ("upheld", "overturned", "open"))]
    earlier = [count.earlier.total(), *(count.earlier[name] for name in ("upheld", "overturned"))]
    assert [row[1:] for row in found["Appeals"]] == [
        [*map(str, received)],
        [*map(str, earlier), "none"],
    ]
    ((_, bound, threshold),) = found["Error bounds"]
    ((_, at, most),) = count.detectors
    assert (bound, threshold) == (f"{100 * most:.1f} %", f"{at:.2f}")
    agreed, disagreed = count.agreed
    for sentence in (
        f"{count.posts:,} posts were seen",
        f"The staff decided on {sum(count.verdicts.values())} flagged posts",
        f"Appeals received: {received[0]}",
        f"{count.deletions} deletions of posts",
        f"verdicts given: {count.work['verdict']}, taken back: {count.work['undo']}",
        f"handed to somebody else: {count.work['hand-over']}",
        f"decided on {agreed + disagreed} flags, each on their own",
        f"on {agreed} all said the same, on {disagreed} they did not",
        f"Krippendorff's alpha is {data['agreement']['alpha']:.2f}",
        f"{len(count.late)} published decisions were of posts that had been overdue",
        f"In {data['downtime']['minutes']} minutes",
    ):
        assert sentence in text
    assert [row[2] for row in found["When posts were overdue"]] == ["210", "20"]


@needs_chromium
@pytest.mark.parametrize("name", ["transparency.html", "about.html"])
def test_a_page_can_be_read_by_all_at_any_width_and_asks_nothing_of_any_server(
    month: Month, name: str, tmp_path: Path
) -> None:
    address = (month.hiding / name).as_uri()
    asked: list[str] = []
    said: list[str] = []
    with chromium() as browser:
        for width, scheme in LOOKS:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.goto(address)
            assert serious_findings(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (asked, said) == ([address] * len(LOOKS), [])
        # On paper too: Chromium prints with the page's own style for it.
        assert page.pdf(path=tmp_path / "print.pdf", format="A4").startswith(b"%PDF")
