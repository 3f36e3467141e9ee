"""What is inside a packed part, written beside it: checked as it comes, hashed, zeros as holes."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from typing import IO, Any

from .compression import DAMAGED, unpacked
from .failures import ImageFailure, SpaceFailure
from .image import check_format
from .meter import Meter
from .order import Order
from .part import Part
from .pipeline import Digests, Target, pump
from .transfer import SLACK

#: As many bytes tell what an image is.
HEAD = 64


def unpack(order: Order, part: Part, packing: str, meter: Meter) -> str:
    """Write it to `part.inside`; its sha-256.

    Raises ImageFailure where it is damaged, too large, or of another format than declared,
    SpaceFailure where the pool has no room for it, OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(part.path, "rb") as packed, closing(_opened(packing, packed)) as inside:
        descriptor = os.open(part.inside, flags, 0o600)
        digests, target = Digests({"sha-256"}), Target(descriptor)
        try:
            pump(_Inside(order, part.room, packed, inside, meter).read, target, digests)
            if not target.offset:
                raise EOFError("nothing is in it")
        except DAMAGED as problem:
            if isinstance(problem, OSError) and problem.errno not in (None, errno.EINVAL):
                raise  # the disk's, not the data's
            raise ImageFailure(f"its {packing} packing is damaged: {problem}") from None
        finally:
            found = digests.finish()
            target.close()
            os.close(descriptor)
    return found["sha-256"]


def _opened(packing: str, packed: IO[bytes]) -> Any:
    try:
        return unpacked(packing, packed)
    except DAMAGED as problem:
        raise ImageFailure(f"its {packing} packing is damaged: {problem}") from None


class _Inside:
    """The unpacked stream, watched."""

    def __init__(
        self, order: Order, room: int, packed: IO[bytes], inside: Any, meter: Meter
    ) -> None:
        self._order = order
        self._room = room
        self._packed = packed
        self._inside = inside
        self._meter = meter
        self._size = 0

    def read(self, buffer: memoryview) -> int:
        """Some bytes more; 0 at the end."""
        count = self._inside.readinto(buffer)
        if not self._size:
            while 0 < count < HEAD:
                more = self._inside.readinto(buffer[count:])
                if not more:
                    break
                count += more
            if count:
                check_format(self._order.format, bytes(buffer[: min(count, HEAD)]))
        self._size += count
        self._check_size()
        self._meter.unpacked(self._packed.tell())
        return int(count)

    def _check_size(self) -> None:
        """What is unpacked has its limits, and holes count: a guest may fill them."""
        if self._size > self._order.most + SLACK:
            raise ImageFailure(f"it unpacks to more than the limit of {self._order.most} bytes")
        if self._size > self._room:
            raise SpaceFailure(
                f"it unpacks to more than the {self._room} bytes that the pool "
                f"{self._order.pool} has free"
            )
