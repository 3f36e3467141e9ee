"""What a file is packed in, by its first bytes, and its bytes unpacked.

The libraries do the work: zlib, bz2, lzma and zipfile of Python, zstandard (or the zstd program)
and, where it is there, indexed_bzip2.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import zlib
from typing import IO, Any, Callable
from zipfile import BadZipFile, ZipFile

from .failures import ImageFailure

MAGICS = {
    "gz": b"\x1f\x8b",
    "bz2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zst": b"\x28\xb5\x2f\xfd",
    "zip": b"PK\x03\x04",
}

#: What the unpackers raise for bytes that are not what they began as.
#: (RuntimeError is indexed_bzip2's, for a block whose CRC is wrong.)
DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, ValueError, RuntimeError, BadZipFile)


def packing_of(first: bytes) -> str:
    """`gz`, `bz2`, `xz`, `zst`, `zip`, or "" for bytes that are not packed."""
    for name, magic in MAGICS.items():
        if first.startswith(magic):
            return name
    # What pzstd and the like write begins with a skippable frame (RFC 8878, 3.1.2).
    return "zst" if first[1:4] == b"\x2a\x4d\x18" and first[0] & 0xF0 == 0x50 else ""


def unpacked(packing: str, packed: IO[bytes]) -> Any:
    """A stream (`readinto`, `close`) of what is inside. Raises ImageFailure without a library."""
    if packing == "gz":
        return gzip.GzipFile(fileobj=packed, mode="rb")
    if packing == "bz2":
        return _bzip2(packed)
    if packing == "xz":
        return _Streams(packed, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), padding=4)
    if packing == "zip":
        return _zip(packed)
    return _zstd(packed)


#: Bytes of memory that unpacking xz may take; `xz -9` needs 65 MiB.
_XZ_MEMORY = 1 << 30
_STEP = 1 << 18


class _Streams:
    """Streams one after another to the file's very end.

    The libraries' own file objects take whatever follows a stream and is none for garbage that
    may be ignored: a damaged second half would pass for nothing.
    """

    def __init__(self, packed: IO[bytes], make: Callable[[], Any], padding: int = 0) -> None:
        self._packed = packed
        self._make = make
        self._padding = padding
        self._unpacker = make()

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._unpacker.eof and not self._go_on():
                return 0
            more = self._packed.read(_STEP) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not more:
                raise EOFError("its last stream is cut off")
            data = self._unpacker.decompress(more, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _go_on(self) -> bool:
        """Begin the stream that follows, past zeros where these may stand; False at the end."""
        rest = self._unpacker.unused_data
        zeros = 0
        while True:
            rest = rest or self._packed.read(_STEP)
            if not rest:
                if self._padding and zeros % self._padding:
                    raise EOFError("its padding is cut off")
                return False
            kept = rest.lstrip(b"\0")
            zeros += len(rest) - len(kept)
            rest = kept
            if rest:
                break
        if zeros and (not self._padding or zeros % self._padding):
            raise EOFError("something else follows its last stream")
        self._unpacker = self._make()
        self._packed.seek(-len(rest), os.SEEK_CUR)
        return True

    def close(self) -> None:
        """Nothing of its own is open."""


def _bzip2(packed: IO[bytes]) -> Any:
    """On all processors where the library for that is there: bzip2 blocks stand for themselves."""
    try:
        import indexed_bzip2
    except ImportError:
        return _Streams(packed, bz2.BZ2Decompressor)
    return _ParallelBzip2(indexed_bzip2, packed)


class _ParallelBzip2:
    """indexed_bzip2, which does not mind what follows the last stream that it understands."""

    def __init__(self, library: Any, packed: IO[bytes]) -> None:
        self._packed = packed
        self._size = os.fstat(packed.fileno()).st_size
        cores = os.cpu_count() or 1
        self._reader = library.IndexedBzip2File(packed, parallelization=cores)

    def readinto(self, buffer: Any) -> int:
        count = int(self._reader.readinto(buffer))
        if not count:
            end = -(-max(self._reader.block_offsets(), default=0) // 8)
            if end < self._size and os.pread(self._packed.fileno(), 1 << 20, end).strip(b"\0"):
                raise EOFError("something else follows its last stream")
        return count

    def close(self) -> None:
        self._reader.close()


def _is_beside(name: str) -> bool:
    """Whether an entry is no file of the user's: a folder, or what macOS puts in by itself."""
    return name.endswith(("/", ".DS_Store")) or name.startswith("__MACOSX/")


def _zip(packed: IO[bytes]) -> Any:
    """The one file in a zip archive: which of several would be the image, nobody has said."""
    try:
        archive = ZipFile(packed)
        members = [member for member in archive.infolist() if not _is_beside(member.filename)]
        if len(members) != 1:
            raise ImageFailure(f"its zip archive holds {len(members)} files; it must hold one")
        if members[0].flag_bits & 1:
            raise ImageFailure("its zip archive is encrypted")
        if members[0].compress_type not in (0, 8):
            # zipfile would unpack the others without a limit to what comes out of one read.
            raise ImageFailure("its zip archive is packed neither by deflate nor not at all")
        return archive.open(members[0])
    except (BadZipFile, NotImplementedError, ValueError, OSError) as problem:
        raise ImageFailure(f"its zip packing cannot be read: {problem}") from None


def _zstd(packed: IO[bytes]) -> Any:
    try:
        import zstandard
    except ImportError:
        return _ZstdProgram(packed)
    return _ZstdLibrary(zstandard, packed)


class _ZstdLibrary:
    """zstandard's reader, which alone would take the end of a cut file for the end of a frame."""

    def __init__(self, library: Any, packed: IO[bytes]) -> None:
        self._damaged = library.ZstdError
        self._packed = packed
        self._reader = library.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        self._begun = False

    def readinto(self, buffer: Any) -> int:
        if not self._begun:
            check_zstd(self._packed)
            self._begun = True
        try:
            count: int = self._reader.readinto(buffer)
            return count
        except self._damaged as problem:
            raise EOFError(str(problem)) from None

    def close(self) -> None:
        self._reader.close()


def check_zstd(packed: IO[bytes]) -> None:
    """Walk over the frames and blocks of a file to its end, and go back to its beginning.

    Raises EOFError where the last frame is cut off or followed by something else (RFC 8878, 3.1).
    """
    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    while packed.tell() < size:
        magic = _number(packed, 4)
        if magic & 0xFFFFFFF0 == 0x184D2A50:  # a skippable frame
            _skip(packed, _number(packed, 4), size)
            continue
        if magic != 0xFD2FB528:
            raise EOFError("something else follows its last frame")
        described = _number(packed, 1)
        single = described >> 5 & 1
        content = (single, 2, 4, 8)[described >> 6]
        _skip(packed, (1 - single) + (0, 1, 2, 4)[described & 3] + content, size)
        last = False
        while not last:
            block = _number(packed, 3)
            last = bool(block & 1)
            _skip(packed, 1 if block >> 1 & 3 == 1 else block >> 3, size)  # 1: one byte, repeated
        _skip(packed, 4 * (described >> 2 & 1), size)
    packed.seek(0)


def _number(packed: IO[bytes], length: int) -> int:
    found = packed.read(length)
    if len(found) < length:
        raise EOFError("its last frame is cut off")
    return int.from_bytes(found, "little")


def _skip(packed: IO[bytes], count: int, size: int) -> None:
    if packed.tell() + count > size:
        raise EOFError("its last frame is cut off")
    packed.seek(count, os.SEEK_CUR)


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
        "xz": lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY),
    }
    if packing == "zip":
        return _first_of_zip(prefix, wanted)
    if packing == "zst":
        return _first_of_zstd(prefix, wanted)
    try:
        return bytes(make[packing]().decompress(prefix, wanted))
    except DAMAGED:
        return b""


def _first_of_zip(prefix: bytes, wanted: int) -> bytes:
    """The same for zip: a local header, then stored or deflated bytes (APPNOTE 4.3.7)."""
    begin, name = 0, b"/"
    while name.endswith(b"/"):  # folders come before what is in them
        if len(prefix) < begin + 30:
            return b""
        flags, method = struct.unpack_from("<HH", prefix, begin + 6)
        [packed] = struct.unpack_from("<L", prefix, begin + 18)
        lengths = struct.unpack_from("<HH", prefix, begin + 26)
        name = prefix[begin + 30 : begin + 30 + lengths[0]]
        begin += 30 + sum(lengths) + (packed if name.endswith(b"/") else 0)
    if flags & 1 or method not in (0, 8):
        return b""
    if method == 0:
        return prefix[begin : begin + wanted]
    try:
        return zlib.decompressobj(wbits=-15).decompress(prefix[begin:], wanted)
    except DAMAGED:
        return b""


def _first_of_zstd(prefix: bytes, wanted: int) -> bytes:
    try:
        import zstandard
    except ImportError:
        return b""
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(prefix, read_across_frames=True)
        return bytes(reader.read(wanted))
    except zstandard.ZstdError:
        return b""
