"""What a file is packed in, by its first bytes, and its bytes unpacked.

The libraries do the work: zlib, bz2 and lzma of Python, and zstandard (or the zstd program).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import zlib
from typing import IO, Any, Callable, Optional

from .failures import ImageFailure

MAGICS = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00", "zst": b"\x28\xb5\x2f\xfd"}

#: What the unpackers raise for bytes that are not what they began as.
#: (RuntimeError is indexed_bzip2's, for a block whose CRC is wrong.)
DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, ValueError, RuntimeError)


def packing_of(first: bytes) -> str:
    """`gz`, `bz2`, `xz`, `zst`, or "" for bytes that are not packed."""
    for name, magic in MAGICS.items():
        if first.startswith(magic):
            return name
    return ""


def unpacked(packing: str, packed: IO[bytes]) -> Any:
    """A stream (`readinto`, `close`) of what is inside. Raises ImageFailure without a library."""
    if packing == "gz":
        return gzip.GzipFile(fileobj=packed, mode="rb")
    if packing == "bz2":
        return _bzip2(packed)
    if packing == "xz":
        return lzma.LZMAFile(packed)
    return _zstd(packed)


def _bzip2(packed: IO[bytes]) -> Any:
    """On all processors where the library for that is there: bzip2 blocks stand for themselves."""
    try:
        import indexed_bzip2
    except ImportError:
        return bz2.BZ2File(packed)
    return indexed_bzip2.IndexedBzip2File(packed, parallelization=os.cpu_count() or 1)


def _zstd(packed: IO[bytes]) -> Any:
    try:
        import zstandard
    except ImportError:
        return _ZstdProgram(packed)
    return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)


class _ZstdProgram:
    """The zstd program as a stream, for hosts without the zstandard library."""

    def __init__(self, packed: IO[bytes]) -> None:
        if shutil.which("zstd") is None:
            raise ImageFailure(
                "it is packed with zstd, and this host has neither Python's zstandard nor the "
                "zstd program"
            )
        self._process = subprocess.Popen(
            ["zstd", "-d", "-c", "-q"], stdin=packed, stdout=subprocess.PIPE
        )

    def readinto(self, buffer: Any) -> int:
        assert self._process.stdout is not None
        count: int = self._process.stdout.readinto(buffer)  # type: ignore[attr-defined]
        if not count and self._process.wait():
            raise EOFError("zstd could not unpack it")
        return count

    def close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.kill()
        self._process.wait()


def first_bytes(packing: str, prefix: bytes, wanted: int) -> bytes:
    """The first bytes inside a packed file, of which only the beginning is at hand.

    Fewer than wanted when the beginning does not hold enough of it, none when it is damaged.
    """
    make: dict[str, Callable[[], Any]] = {
        "gz": lambda: zlib.decompressobj(wbits=31),
        "bz2": bz2.BZ2Decompressor,
        "xz": lzma.LZMADecompressor,
        "zst": _zstd_object,
    }
    unpacker = make[packing]()
    if unpacker is None:
        return b""
    try:
        return bytes(unpacker.decompress(prefix))[:wanted]
    except DAMAGED:
        return b""


def _zstd_object() -> Optional[Any]:
    try:
        import zstandard
    except ImportError:
        return None
    return zstandard.ZstdDecompressor().decompressobj()
