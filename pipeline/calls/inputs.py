"""What was sent, as the log keeps it: as it came, or compressed where it is long."""

from __future__ import annotations

from typing import Final

LONG: Final = 2048
"""Bytes above which it is compressed."""
ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
"""What a Zstandard frame begins with (RFC 8878, section 3.1.1); no JSON does."""


def as_kept(content: bytes) -> bytes:
    """A request's body for the log."""
    import pyarrow as pa

    if len(content) <= LONG:
        return content
    kept: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return kept


def as_sent(kept: bytes) -> bytes:
    """The body that was kept."""
    import pyarrow as pa

    if not kept.startswith(ZSTANDARD):
        return kept
    with pa.CompressedInputStream(pa.BufferReader(kept), "zstd") as stream:
        content: bytes = stream.read()
    return content
