"""Whether a QCOW2 file has all that its own tables name (QEMU's docs/interop/qcow2.txt).

A download that was cut off at its source opens, boots into half a disk, and reads zeros from there
on: no header tells. The tables do, and each is read once, so it takes no longer than the file.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import IO

from .failures import ImageFailure

#: The bits of an entry that are an offset: of an L1 entry and of a plain L2 entry.
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_EXTENDED_L2 = 1 << 4


def check_whole(file: IO[bytes], header: bytes, size: int) -> None:
    """Raise ImageFailure where a table, or a cluster in a table, begins behind the end of the file.

    `header` is that of a QCOW2 file of version 2 or 3, `size` the file's, in bytes.
    """
    bits, _, _, entries, table = struct.unpack_from(">IQIIQ", header, 20)
    [counts] = struct.unpack_from(">Q", header, 48)
    snapshots, listed = struct.unpack_from(">IQ", header, 60)
    version = struct.unpack_from(">I", header, 4)[0]
    features = struct.unpack_from(">Q", header, 72)[0] if version > 2 else 0
    if not 9 <= bits <= 21:
        raise ImageFailure(f"its clusters are of 2 to the {bits} bytes, which none can have")
    if table + 8 * entries > size or counts >= size:
        raise _cut_off(max(table + 8 * entries, counts), size)
    if snapshots and listed >= size:
        raise _cut_off(listed, size)
    step = 2 if features & _EXTENDED_L2 else 1
    for offset in sorted({entry & _OFFSET for entry in _entries(file, table, 8 * entries)} - {0}):
        if offset + (1 << bits) > size:
            raise _cut_off(offset, size)
        _check_clusters(_entries(file, offset, 1 << bits)[::step], bits, size)


def _check_clusters(entries: array[int], bits: int, size: int) -> None:
    packed = (1 << (70 - bits)) - 1  # of a compressed cluster's entry, what is its offset
    for entry in entries:
        offset = entry & (packed if entry & _COMPRESSED else _OFFSET)
        if offset >= size:
            raise _cut_off(offset, size)


def _entries(file: IO[bytes], offset: int, length: int) -> array[int]:
    file.seek(offset)
    found = array("Q", file.read(length))
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _cut_off(offset: int, size: int) -> ImageFailure:
    return ImageFailure(
        f"it is cut off: it has {size} bytes, and its tables name data at byte {offset}"
    )
