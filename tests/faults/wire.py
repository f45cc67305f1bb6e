"""As much of Kafka's wire protocol as is needed to pick out the requests that publish."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka.errors import for_code
from kafka.protocol.frame import KafkaBytes
from kafka.protocol.producer import (
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnResponse,
    EndTxnResponse,
    InitProducerIdResponse,
    ProduceResponse,
    TxnOffsetCommitResponse,
)

if TYPE_CHECKING:
    from asyncio import StreamReader
    from collections.abc import Iterator

SIZE_BYTES: Final = 4
_CORRELATION_BYTES: Final = 4


class Api(IntEnum):
    """The requests that publish, by their keys in the protocol."""

    PRODUCE = 0
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


_PUBLISHING: Final = frozenset(Api)
_ANSWERS: Final[dict[Api, Any]] = {
    Api.PRODUCE: ProduceResponse,
    Api.INIT_PRODUCER_ID: InitProducerIdResponse,
    Api.ADD_PARTITIONS_TO_TXN: AddPartitionsToTxnResponse,
    Api.ADD_OFFSETS_TO_TXN: AddOffsetsToTxnResponse,
    Api.END_TXN: EndTxnResponse,
    Api.TXN_OFFSET_COMMIT: TxnOffsetCommitResponse,
}


class Request(NamedTuple):
    """The header of a publishing request."""

    api: Api
    version: int
    correlation: int


async def read_frame(reader: StreamReader) -> bytes:
    """The next frame, with the four bytes of its size in front.

    Raises:
        IncompleteReadError: the peer closed the connection.
        OSError: the connection broke.
    """
    size = await reader.readexactly(SIZE_BYTES)
    return size + await reader.readexactly(int.from_bytes(size))


def publishing(frame: bytes) -> Request | None:
    """The header of a request's frame, or None where it is no publishing request."""
    key = int.from_bytes(frame[4:6])
    if key not in _PUBLISHING:
        return None
    return Request(Api(key), int.from_bytes(frame[6:8]), correlation(frame, at=8))


def correlation(frame: bytes, *, at: int = SIZE_BYTES) -> int:
    """The correlation id of a response's frame; of a request's, it stands `at` 8."""
    return int.from_bytes(frame[at : at + _CORRELATION_BYTES])


def errors(request: Request, frame: bytes) -> list[str]:
    """Names of the errors that the broker answered a publishing request with; empty: none."""
    kind = _ANSWERS[request.api][request.version]
    data = KafkaBytes(frame[SIZE_BYTES:])
    kind.parse_header(data)
    return sorted({for_code(code).__name__ for code in _codes(kind.decode(data).to_dict()) if code})


def _codes(value: object) -> Iterator[int]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name.endswith("error_code"):
                yield part
            else:
                yield from _codes(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _codes(part)
