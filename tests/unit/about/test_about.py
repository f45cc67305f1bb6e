"""The page on what a flag means: it says what the settings, the policy and the figures say."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml

from worker.about.facts import evaluation_of, facts_of
from worker.about.page import body, page
from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.errors import SettingsError
from worker.policy import DEFAULT_FILE
from worker.settings import DetectorSettings, PolicySettings, ReviewSettings, Settings, SignalSettings

if TYPE_CHECKING:
    from pathlib import Path


def about(settings: Settings) -> str:
    return page(facts_of(settings, evaluation_of(settings)))


def in_folder(folder: Path) -> Settings:
    return Settings(detector=DetectorSettings(model=str(folder)))


def test_the_figures_that_ship_are_of_the_detector_that_ships() -> None:
    evaluation = evaluation_of(Settings())
    assert evaluation is not None
    assert evaluation.detector.digest == load_detector(DetectorSettings()).digest
    assert evaluation.bias is not None
    assert evaluation.bias.digest == evaluation.detector.digest


def test_the_page_says_how_often_the_default_is_wrong_with_intervals() -> None:
    settings = Settings()
    evaluation, html = evaluation_of(settings), about(settings)
    assert evaluation is not None
    whole = evaluation.slices[0].everywhere
    for rate in (whole.wrongly, whole.found):
        assert rate is not None
        low, high = f"{100 * rate.low:.1f}", f"{100 * rate.high:.1f}"
        assert f"{100 * rate.value:.1f} % ({low} to {high})" in html
    bound = evaluation.detector.calibration.false_positive_bound
    assert bound is not None
    assert f"In the test that set this, {100 * bound:.1f} % of people" in html
    for one in evaluation.slices:
        assert (f">{one.name}<" in html) == (one.dimension == "length" or _of_people(one.dimension, one.name))


def _of_people(dimension: str, name: str) -> bool:
    return dimension == "domain" and name != "webtext-doc"


def test_a_detector_of_which_nothing_is_known_is_said_so_without_its_path(tmp_path: Path) -> None:
    for settings in (Settings(detector=DetectorSettings(model="constant")), in_folder(tmp_path)):
        html = about(settings)
        assert "was not measured, or the figures are not at hand here" in html
        assert "Nothing is stated here of the lengths and languages" in html
        assert str(tmp_path) not in html


def test_figures_of_another_detector_are_refused(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "detector")
    path = tmp_path / "detector" / "detector.json"
    manifest = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(manifest | {"name": "another"}))
    with pytest.raises(SettingsError, match="the evaluation is of 'flagstaff-linear-2'"):
        about(in_folder(tmp_path / "detector"))


def test_it_says_what_the_policy_lets_the_detector_do_and_what_else_is_weighed(tmp_path: Path) -> None:
    html = about(Settings(signals=SignalSettings(enabled=("account_age", "link_share"))))
    assert "never brings about more than <strong>label</strong>" in html
    assert "weighed together with: how old the account is; how much of the text is links." in html
    policy = yaml.safe_load(DEFAULT_FILE.read_text(encoding="utf-8"))
    policy["detector"]["alone"] = "pass"
    policy["signals"] = {}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy))
    html = about(Settings(policy=PolicySettings(file=str(tmp_path / "policy.yaml"))))
    assert "never brings about more than <strong>pass</strong>, that is, nothing." in html
    assert "No other evidence is looked at." in html


def test_how_to_appeal_is_the_platforms_word_and_no_markup() -> None:
    assert "has not stated here where and by when" in about(Settings())
    html = about(Settings(review=ReviewSettings(how_to_appeal="Write <script>us</script> within a year.")))
    assert "Write &lt;script&gt;us&lt;/script&gt; within a year." in html


def test_the_page_runs_no_script_and_asks_nothing_of_any_server() -> None:
    html = about(Settings())
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    for word in ("<script", "src=", "href=", "url("):
        assert word not in html
    # The console's policy allows no inline style, so what it shows has none.
    settings = Settings()
    assert "style" not in body(facts_of(settings, evaluation_of(settings)))
