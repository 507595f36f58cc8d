"""One clock for all processes of a lab: it stands still until it is moved, for all of them or for one.

So a busy machine makes nobody late, and eight hours pass in no time.
"""

import mmap
import struct
import time
from pathlib import Path

_PLACE = struct.Struct("=d")
_PLACES = 32
_BEGIN = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC


class LabClock:
    """A time for everybody, and how wrong one process is about it.

    Both stand in a file that every process has mapped: a move is seen by all of them at once.

    Args:
        file: shared by all processes of a lab; made if it is missing.
        place: of this process, 1 to 31; 0 for the lab itself, which is never wrong.
    """

    def __init__(self, file: Path, place: int = 0) -> None:
        if not file.exists():
            file.write_bytes(bytes(_PLACE.size * _PLACES))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _PLACE.size * _PLACES)
        self._place = place

    def now(self) -> float:
        """Return the seconds since the epoch as this process believes them to be."""
        return _BEGIN + self._read(0) + (self._read(self._place) if self._place else 0.0)

    def monotonic(self) -> float:
        """Return the seconds since some moment, by the machine's clock: nothing of it can be set."""
        return time.monotonic()

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self._write(0, self._read(0) + seconds)

    def shift(self, place: int, seconds: float) -> None:
        """Make the clock of one process wrong by some seconds; 0 puts it right."""
        self._write(place, seconds)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _read(self, place: int) -> float:
        (value,) = _PLACE.unpack_from(self._map, place * _PLACE.size)
        return float(value)

    def _write(self, place: int, value: float) -> None:
        _PLACE.pack_into(self._map, place * _PLACE.size, value)
