from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import SettingsError
from worker.intake import MAX_METADATA_DEPTH, InvalidPostError, PostReader
from worker.records import Author, Post
from worker.settings import FieldSettings

PLAIN = PostReader(FieldSettings(), max_text_chars=1_000, max_bytes=200_000)
MAPPED = PostReader(
    FieldSettings(
        id="event.uid",
        text="event.body",
        created_at="event.ts",
        author="event.user.{id: name, created_at: since, followers: stats.followers}",
    ),
    max_text_chars=1_000,
    max_bytes=200_000,
)


def post_with(**fields: Any) -> bytes:
    return msgspec.json.encode({"id": "p1", "text": "hello"} | fields)


def reason(reader: PostReader, value: bytes) -> str:
    with pytest.raises(InvalidPostError) as caught:
        reader.read(value)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


def test_a_whole_post_is_read() -> None:
    value = post_with(
        created_at="2026-03-01T12:00:00Z",
        lang="en",
        reply_to="p0",
        client="web",
        author={"id": "a1", "followers": 12, "following": 40, "posts": 310, "verified": False},
        metadata={"room": [1, 2.5, None, {"a": True}]},
        unknown={"ignored": []},
    )
    assert PLAIN.read(value) == Post(
        id="p1",
        text="hello",
        created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        lang="en",
        reply_to="p0",
        client="web",
        author=Author(id="a1", followers=12, following=40, posts=310, verified=False),
        metadata={"room": [1, 2.5, None, {"a": True}]},
    )


def test_two_fields_are_enough_and_the_rest_is_missing() -> None:
    post = PLAIN.read(post_with(author={"id": "a1"}))
    assert post.created_at is None
    assert post.author is not None
    assert post.author.followers is None
    assert PLAIN.read(post_with()) == Post(id="p1", text="hello")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not-json"),
        (b"not json", "not-json"),
        (b'{"id":"a","text":"x"} trailing', "not-json"),
        (b'\xef\xbb\xbf{"id":"a","text":"x"}', "not-json"),
        (b'{"id":"a","text":"\x00"}', "not-json"),
        (b'{"id":"a","text":"\\ud800"}', "not-json"),
        (b'{"id":"a","text":"\\ud800\\u0041"}', "not-json"),
        (b'{"id":"a","text":"x","metadata":{"\\udc00":1}}', "not-json"),
        (b'{"id":"a","text":"x","metadata":{"a":NaN}}', "not-json"),
        (b'{"id":"a","text":"x","metadata":{"a":Infinity}}', "not-json"),
        (b'{"id":"a","text":"\xff"}', "not-utf8"),
        (b'{"id":"a","text":"\xed\xa0\x80"}', "not-utf8"),
        (b'{"id":"a","text":"x","unknown":"\xff"}', "not-utf8"),
        ('{"id":"a","text":"é"}'.encode("utf-16"), "not-utf8"),
        (b"null", "wrong-type"),
        (b"[]", "wrong-type"),
        (b'"text"', "wrong-type"),
        (b'{"id":"a"}', "missing-field"),
        (b'{"text":"x"}', "missing-field"),
        (b'{"id":"a","text":null}', "wrong-type"),
        (b'{"id":1,"text":"x"}', "wrong-type"),
        (b'{"id":"","text":"x"}', "wrong-type"),
        (b'{"id":"a","text":"x","author":{}}', "missing-field"),
        (b'{"id":"a","text":"x","author":{"id":"b","followers":-1}}', "wrong-type"),
        (b'{"id":"a","text":"x","author":{"id":"b","followers":1.5}}', "wrong-type"),
        (b'{"id":"a","text":"x","author":{"id":"b","followers":' + b"9" * 400 + b"}}", "wrong-type"),
        (b'{"id":"a","text":"x","metadata":[]}', "wrong-type"),
        (b'{"id":"a","text":"x","metadata":{"a":1e999}}', "wrong-type"),
        (b'{"id":"a","text":"x","metadata":{"a":' + b"9" * 5_000 + b"}}", "wrong-type"),
        (b'{"id":"a","text":"x","created_at":1700000000}', "wrong-type"),
        (b'{"id":"a","text":"x","created_at":"yesterday"}', "wrong-type"),
        (b'{"id":"a","text":"x","created_at":"2026-02-30T00:00:00Z"}', "wrong-type"),
        (b'{"id":"a","text":"x","created_at":"9999-12-31T23:59:59-14:00"}', "wrong-type"),
        (b'{"id":"a","text":"x","unknown":' + b"[" * 100_000 + b"}", "too-deep"),
        (b"[" * 100_000, "wrong-type"),
    ],
)
def test_a_broken_record_is_refused_with_its_reason(value: bytes, expected: str) -> None:
    assert reason(PLAIN, value) == expected


def test_a_time_without_a_zone_is_refused_and_the_sentence_says_so() -> None:
    with pytest.raises(InvalidPostError, match=r"created_at.*timezone") as caught:
        PLAIN.read(post_with(created_at="2026-03-01T12:00:00"))
    assert caught.value.reason == "wrong-type"


def test_sizes_are_bounded_and_the_bound_itself_is_allowed() -> None:
    assert len(PLAIN.read(post_with(text="é" * 1_000)).text) == 1_000
    assert reason(PLAIN, post_with(text="é" * 1_001)) == "text-too-long"
    exact = post_with(unknown="x" * (200_000 - len(post_with(unknown=""))))
    assert PLAIN.read(exact).id == "p1"
    assert reason(PLAIN, exact + b" ") == "too-large"


def test_metadata_may_be_nested_up_to_the_limit() -> None:
    def nested(levels: int) -> bytes:
        # The object itself is the first level.
        inner = b"[" * (levels - 1) + b"]" * (levels - 1)
        return b'{"id":"a","text":"x","metadata":{"a":' + inner + b"}}"

    assert PLAIN.read(nested(MAX_METADATA_DEPTH)).metadata
    assert reason(PLAIN, nested(MAX_METADATA_DEPTH + 1)) == "too-deep"
    assert PLAIN.read(post_with(text="[" * 500, metadata={"a": 1})).metadata == {"a": 1}


def test_the_last_of_two_equal_keys_counts() -> None:
    assert PLAIN.read(b'{"id":"a","id":"b","text":"x"}').id == "b"


def test_an_escaped_nul_and_an_empty_text_are_texts() -> None:
    assert PLAIN.read(b'{"id":"a","text":"\\u0000"}').text == "\x00"
    assert PLAIN.read(b'{"id":"a","text":""}').text == ""


@pytest.mark.parametrize(
    "value",
    [
        b'{"id":"a","text":["secret words"]}',
        b'{"id":"a","text":"secret words',
        b'{"id":"a","text":"secret words\xff"}',
        b'{"id":"a","text":"secret words","created_at":"secret words"}',
        b'{"id":"a","text":"x","metadata":{"secret words":1e999}}',
        b'{"id":"a","text":"' + b"secret words" * 100 + b'"}',
    ],
)
def test_the_sentence_never_quotes_the_post(value: bytes) -> None:
    with pytest.raises(InvalidPostError) as caught:
        PLAIN.read(value)
    assert "secret" not in str(caught.value)


def test_a_mapping_finds_the_fields_of_another_shape() -> None:
    value = msgspec.json.encode(
        {
            "event": {
                "uid": "e7",
                "body": "hello",
                "ts": 1_772_366_400_000,
                "user": {"name": "ann", "since": 1_700_000_000, "stats": {"followers": 3}},
            },
            "lang": "en",
        }
    )
    assert MAPPED.read(value) == Post(
        id="e7",
        text="hello",
        created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        lang="en",
        author=Author(id="ann", created_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), followers=3),
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("1772366400", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("1772366400.5", datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("1772366400000", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ('"2026-03-01T12:00:00Z"', datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("null", None),
    ],
)
def test_a_mapped_time_may_be_a_number(moment: str, expected: datetime | None) -> None:
    value = f'{{"event":{{"uid":"e","body":"x","ts":{moment}}}}}'
    assert MAPPED.read(value.encode()).created_at == expected


@pytest.mark.parametrize("moment", ["1e300", "true", '"1772366400"', "-1e18", "9" * 30, "[]"])
def test_a_mapped_time_that_is_none_is_refused(moment: str) -> None:
    value = f'{{"event":{{"uid":"e","body":"x","ts":{moment}}}}}'
    assert reason(MAPPED, value.encode()) == "wrong-type"


def test_a_mapped_field_that_is_not_found_is_missing() -> None:
    assert reason(MAPPED, b'{"event":{"uid":"e"}}') == "missing-field"
    assert reason(MAPPED, b"[]") == "missing-field"
    assert reason(MAPPED, b'{"event":{"uid":7,"body":"x"}}') == "wrong-type"


def test_a_mapping_that_fails_on_a_record_harms_that_record_alone() -> None:
    reader = PostReader(FieldSettings(text="length(body)"), max_text_chars=9, max_bytes=999)
    assert reason(reader, b'{"id":"a","body":7}') == "bad-mapping"
    reader = PostReader(FieldSettings(metadata="{a: &b}"), max_text_chars=9, max_bytes=999)
    assert reason(reader, b'{"id":"a","text":"x"}') == "bad-mapping"


@pytest.mark.parametrize("expression", ["", "a.[", "no_such_function(", "a b", "`{`", "foo[?"])
def test_a_bad_expression_stops_the_start_and_names_its_setting(expression: str) -> None:
    with pytest.raises(SettingsError, match="FLAGSTAFF_FIELDS__TEXT") as caught:
        PostReader(FieldSettings(text=expression), max_text_chars=9, max_bytes=999)
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | json_values
near_posts = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(min_size=1, max_size=8) | json_values,
        "text": st.text() | json_values,
        "created_at": moments,
        "lang": st.text() | json_values,
        "author": st.fixed_dictionaries(
            {}, optional={"id": st.text(), "created_at": moments, "followers": json_values}
        )
        | json_values,
        "metadata": st.dictionaries(st.text(), json_values, max_size=4) | json_values,
        "event": st.fixed_dictionaries(
            {}, optional={"uid": st.text(), "body": st.text(), "ts": moments, "user": json_values}
        ),
    },
)


def assert_read_or_refused(reader: PostReader, value: bytes) -> None:
    try:
        post = reader.read(value)
    except InvalidPostError as refused:
        sentence = str(refused)
        assert sentence.encode()
    else:
        again = msgspec.json.decode(msgspec.json.encode(post), type=Post)
        assert (again.id, again.text, again.author) == (post.id, post.text, post.author)
        if post.created_at is not None:
            assert post.created_at.astimezone(UTC) == again.created_at


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(value: bytes) -> None:
    assert_read_or_refused(PLAIN, value)
    assert_read_or_refused(MAPPED, value)


@given(near_posts)
def test_anything_like_a_post_is_read_or_refused(value: dict[str, Any]) -> None:
    assert_read_or_refused(PLAIN, msgspec.json.encode(value))
    assert_read_or_refused(MAPPED, msgspec.json.encode(value))


@given(near_posts, st.data())
def test_a_damaged_post_is_read_or_refused(value: dict[str, Any], data: st.DataObject) -> None:
    whole = bytearray(msgspec.json.encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert_read_or_refused(PLAIN, bytes(whole))
    assert_read_or_refused(MAPPED, bytes(whole))
