"""Arrays and lists of texts in files that are mapped, not read: opening costs no more for many."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Ends: TypeAlias = NDArray[np.uint64]

__all__ = ["StringWriter", "Strings", "map_array", "write_array"]

_ENDS = "<u8"


def write_array(path: Path, array: Array) -> None:
    """Write the bytes of an array, without a header: the reader knows the type."""
    import numpy as np

    with path.open("wb") as file:
        file.write(np.ascontiguousarray(array).data)


def map_array(path: Path, dtype: str) -> Array:
    """A read-only array over a file of one type (``<f4``).

    Raises:
        ValueError: the file ends inside an element.
    """
    import numpy as np

    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped
            return np.empty(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype)


class StringWriter:
    """Texts one after the other as UTF-8 in ``NAME.utf8``, and where each ends in ``NAME.ends``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = (folder / f"{name}.utf8").open("wb")
        self._ends_path = folder / f"{name}.ends"
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, text: str) -> None:
        """Write one text after the others."""
        self._lengths.append(self._file.write(text.encode()))

    def close(self) -> None:
        import numpy as np

        self._file.close()
        write_array(self._ends_path, np.cumsum(self._lengths, dtype=_ENDS))


class Strings:
    """What a StringWriter wrote.

    Raises:
        OSError: the files are missing.
        ValueError: they do not fit together.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._ends: Ends = map_array(folder / f"{name}.ends", _ENDS)
        self._data = memoryview(map_array(folder / f"{name}.utf8", "u1").data)
        if len(self._data) != (int(self._ends[-1]) if len(self._ends) else 0):
            raise ValueError(f"{name}.utf8 has another length than {name}.ends says")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        return self._raw(number).decode()

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends.tolist():
            yield str(self._data[start:end], "utf-8")
            start = end

    def find(self, text: str) -> int | None:
        """The number of a text, by binary search; for texts in the order of their bytes."""
        wanted = text.encode("utf-8", "replace")
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._raw(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._ends) and self._raw(low) == wanted else None

    def _raw(self, number: int) -> bytes:
        start = int(self._ends[number - 1]) if number else 0
        return bytes(self._data[start : int(self._ends[number])])
