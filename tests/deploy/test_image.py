"""The image is built, and its container decides posts from a real Kafka and Redis: `make image-test`."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import redis

from tests.support.command import flagstaff
from tests.support.image import build, inspect, missing_tools, run, running
from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.posts import posts
from tests.support.running import all_decided, publish, worker_settings
from tests.support.waiting import wait_until
from worker.embedded.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(bool(missing_tools()), reason=f"not at hand: {', '.join(missing_tools())}"),
]
POSTS = 1_000


def test_a_container_decides_posts_without_root_on_a_read_only_root(
    image: str, kafka: str, redis_url: str, topic: TopicFactory, tmp_path: Path
) -> None:
    topics = {name: topic(name, partitions=4) for name in ("posts", "flags")} | {
        "dead_letters": topic("dead")
    }
    group = f"group-{topics['posts']}"
    port = free_ports(1)[0]
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__GROUP_ID": group,
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DEAD_LETTERS": topics["dead_letters"],
        "TOPICS__HOLDS": topic("holds"),
        "REDIS__URL": redis_url,
        "EMIT": "all",
        "HTTP__PORT": str(port),
    }
    sent = [post | {"id": f"p{number}"} for number, post in enumerate(posts(POSTS))]
    publish(kafka, topics["posts"], [*(json.dumps(post).encode() for post in sent), b"{not json"])
    with running(image, f"flagstaff-{uuid.uuid4().hex[:8]}", settings) as container:
        known = worker_settings(tmp_path, kafka, topics)
        wait_until(lambda: all_decided(kafka, known), what="the posts of the container")
        assert container.health() == 0, container.logs()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
            assert json.load(answer)["ready"] is True
        config = container.state()["HostConfig"]
        assert config["ReadonlyRootfs"] is True
        assert container.stop() == 0, container.logs()
        assert container.health() != 0
    flags = [json.loads(record.value()) for record in committed_records(kafka, topics["flags"])]
    assert Counter(flag["post_id"] for flag in flags) == Counter({f"p{n}": 1 for n in range(POSTS)})
    assert [record.value() for record in committed_records(kafka, topics["dead_letters"])] == [b"{not json"]
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() > POSTS
    # The same detector says the same of them outside of the container.
    lines = "".join(json.dumps(post) + "\n" for post in sent)
    scored = [json.loads(line) for line in flagstaff("score", "-", stdin=lines.encode()).out.splitlines()]
    here = {one["id"]: one["detector"] for one in scored}
    assert {flag["post_id"]: flag["detector"] for flag in flags} == here


def test_the_container_has_no_tools_no_rights_and_two_places_to_write(image: str) -> None:
    script = (
        "id -u; for tool in pip pip3 uv apt apt-get gcc cc make f2py; do command -v $tool; done;"
        "find / -xdev -type f -perm /6000 2>/dev/null;"
        "for place in / /opt/flagstaff /models /data /tmp; do (: > $place/x) 2>/dev/null && echo $place; done"
    )
    said = run(image, "-c", script, entry="/bin/sh").stdout.split()
    assert said == ["65532", "/data", "/tmp"]  # noqa: S108 - inside the container
    # A platform that chooses the user: any number, group 0.
    chosen = run(
        image, "-c", "id -u; : > /data/x && flagstaff --version", entry="/bin/sh", more=["--user=4711:0"]
    )
    assert chosen.stdout.splitlines()[0] == "4711"
    assert chosen.stdout.splitlines()[1].startswith("flagstaff, version ")
    assert "import pip" not in run(image, "-c", "import pip", entry="python3").stdout
    assert run(image, "-c", "import pip", entry="python3").returncode == 1


def test_bad_settings_are_one_line_and_code_2(image: str) -> None:
    done = run(image, settings={"EMIT": "everything"})
    assert done.returncode == 2
    # Podman itself may have logged something beside it.
    said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
    assert len(said) == 1
    assert "FLAGSTAFF_EMIT" in said[0]


def test_the_image_says_what_it_is(image: str) -> None:
    config = inspect(image)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Volumes"] == {"/data": {}}
    assert config["Entrypoint"] == ["flagstaff"]
    assert config["Cmd"] == ["run"]
    labels = {
        name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name
    }
    assert labels["version"] == "1.2.3"
    assert labels["revision"] == "abc"
    assert labels["licenses"] == "Apache-2.0"


def test_the_same_sources_give_the_same_layers_to_the_bit(image: str, build_arguments: list[str]) -> None:
    build("localhost/flagstaff-again", *build_arguments, "--no-cache")
    # Not so the image's name: buildah notes its working container in the configuration.
    assert inspect("localhost/flagstaff-again")["RootFS"] == inspect(image)["RootFS"]


def test_a_detector_is_baked_in(image: str, tmp_path: Path) -> None:
    detector = linear_checkpoint(tmp_path / "words")
    tag = "localhost/flagstaff-words"
    build(tag, f"--build-arg=IMAGE={image}", file="deploy/Containerfile.model", context=tmp_path / "words")
    done = run(tag, "score", "--text", "-", stdin="the bus was late again and nobody on it seemed to mind")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["detector"]["digest"] == detector.digest
