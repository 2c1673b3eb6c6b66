"""Differences between layers: Zstandard frames (RFC 8878) whose prefix is the unpacked layer of the base.

`zstd --patch-from` makes and reads them too. Both layers are in memory meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from supervisor.values.errors import BundleError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL = 19  # of 22: the last ones take much longer and give a percent
_WIDEST_WINDOW = 29  # as a power of two: the two largest layers together
_STEP = 1 << 20


def make(base: bytes, content: bytes) -> bytes:
    """Return the difference that gives `content` from `base`."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: _LEVEL,
        zstd.CompressionParameter.window_log: min(_WIDEST_WINDOW, max(10, (len(base) + len(content)).bit_length())),
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    return bytes(zstd.compress(content, options=options, zstd_dict=zstd.ZstdDict(base, is_raw=True).as_prefix))


def apply(name: str, base: bytes, difference: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the content that a difference gives from `base`: `size` bytes.

    Raises BundleError: when it is damaged, or gives more or less; `name` is its name there.
    """
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WIDEST_WINDOW}
    unpacker = zstd.ZstdDecompressor(zstd_dict=zstd.ZstdDict(base, is_raw=True).as_prefix, options=options)
    done = 0
    for chunk in difference:
        given = chunk
        while not unpacker.eof and (given or not unpacker.needs_input):
            try:
                piece = unpacker.decompress(given, max_length=_STEP)
            except zstd.ZstdError as error:
                raise BundleError(f"cannot unpack {name}: {error}") from error
            given = b""
            done += len(piece)
            if done > size:
                raise BundleError(f"cannot unpack {name}: it gives more than the {size} bytes of the index")
            yield piece
    if not unpacker.eof or done != size:
        raise BundleError(f"cannot unpack {name}: it gives {done} bytes, the index says {size}")
