"""`flagstaff verify`: what was changed is told in one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.command import flagstaff
from tests.support.signing import key_pair
from worker.errors import SettingsError
from worker.replay.manifest import Inputs, Manifest, verify
from worker.replay.output import Output, Sealed
from worker.replay.plan import Stamp, VariantStamp
from worker.replay.signature import private_key, public_key, signed
from worker.settings import SignalSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return key_pair(tmp_path / "keys")


@pytest.fixture
def out(tmp_path: Path, pair: tuple[Path, Path]) -> Path:
    """Two outputs with a signed manifest."""
    folder, work = tmp_path / "out", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    outputs = {}
    for name in ("decisions.jsonl", "diff.jsonl"):
        output = Output(work, name)
        output.write(b"{}")
        outputs[name] = output.seal()
        output.publish(folder)
    stamp = VariantStamp(name="v", detector=Stamp("d", "1"), policy=Stamp("p", "2"), signals=SignalSettings())
    inputs = Inputs(
        topic="posts",
        ranges=(),
        flags=Sealed(bytes=0, lines=0, sha256=""),
        capture=None,
        signals="recorded",
        variant=stamp,
        settings="",
    )
    content = msgspec.json.encode(Manifest(versions={}, inputs=inputs, outputs=outputs))
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sig").write_bytes(signed(content, private_key(pair[0])))
    return folder


def test_what_is_as_it_was_written_is_right(out: Path, pair: tuple[Path, Path]) -> None:
    for key, said in ((), "signature not checked (--key)"), (("--key", str(pair[1])), "signature right"):
        ended = flagstaff("verify", str(out), *key)
        assert (ended.code, ended.out, ended.err) == (0, f"2 files are as the manifest says; {said}\n", "")
    (out / "manifest.sig").unlink()
    (out / "more.txt").touch()
    ended = flagstaff("verify", str(out))
    assert (ended.code, ended.out) == (0, "2 files are as the manifest says; not signed\n")
    assert ended.err == f"verify: {out / 'more.txt'}: the manifest does not name it\n"


def cut_manifest(out: Path) -> None:
    path = out / "manifest.json"
    path.write_bytes(path.read_bytes()[:-40])


def change_output(out: Path) -> None:
    (out / "diff.jsonl").write_bytes(b"[]\n")


def lengthen_output(out: Path) -> None:
    (out / "diff.jsonl").write_bytes(b"{}\n{}\n")


def remove_output(out: Path) -> None:
    (out / "diff.jsonl").unlink()


def remove_manifest(out: Path) -> None:
    (out / "manifest.json").unlink()


def name_another_file(out: Path) -> None:
    path = out / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"diff.jsonl"', b'"../secret"'))
    (out / "diff.jsonl").unlink()


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (cut_manifest, "manifest.json: truncated or changed: "),
        (change_output, "diff.jsonl: was changed: its SHA-256 is "),
        (lengthen_output, "diff.jsonl: has 6 bytes where the manifest says 3"),
        (remove_output, "diff.jsonl: No such file or directory"),
        (remove_manifest, "manifest.json: No such file or directory: this is no finished replay"),
        (name_another_file, "manifest.json: names '../secret', which is no file of a replay"),
    ],
)
def test_what_was_changed_is_one_line_and_code_1(
    out: Path, tamper: Callable[[Path], None], said: str
) -> None:
    tamper(out)
    ended = flagstaff("verify", str(out))
    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("flagstaff: verify: ")
    assert said in line


def test_outputs_and_manifest_that_were_changed_together_fail_by_the_signature(
    out: Path, pair: tuple[Path, Path]
) -> None:
    path = out / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"recorded"', b'"rebuilt"'))
    assert not verify(out, None).problems
    (problem,) = verify(out, public_key(pair[1])).problems
    assert "wrong signature" in problem


def test_a_signature_by_another_or_none_is_refused(out: Path, tmp_path: Path) -> None:
    _, other = key_pair(tmp_path / "other")
    (problem,) = verify(out, public_key(other)).problems
    assert "signed with another key" in problem
    (out / "manifest.sig").write_bytes(b"{")
    (problem,) = verify(out, public_key(other)).problems
    assert "holds no signature" in problem
    (out / "manifest.sig").unlink()
    ended = flagstaff("verify", str(out), "--key", str(other))
    assert ended.code == 1
    assert "the manifest is not signed" in ended.err


def test_what_is_no_key_is_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    private, public = pair
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    for wrong in (nothing, tmp_path / "absent.pem", private):
        with pytest.raises(SettingsError, match=f"--key {wrong}"):
            public_key(wrong)
    for wrong in (nothing, tmp_path / "absent.pem", public):
        with pytest.raises(SettingsError, match=f"--sign {wrong}"):
            private_key(wrong)


def test_without_the_package_it_says_how_to_get_it(out: Path, pair: tuple[Path, Path]) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        f"from worker.commands import main; main(['verify', {str(out)!r}, '--key', {str(pair[1])!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'flagstaff[sign]'" in done.stderr
