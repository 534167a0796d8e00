"""Numba's cache of compiled loops on disk, made safe against damaged files."""

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from numba.core.caching import FunctionCache, IndexDataCacheFile

__all__ = ["CompileCache"]

_DIGEST_SIZE = hashlib.sha256().digest_size


class _CheckedFiles(IndexDataCacheFile):
    """Numba's cache files, in which machine code is preceded by its SHA-256.

    Machine code with a flipped bit may crash, or compute something else.
    """

    def load(self, key: Any) -> Any:
        """Return what was saved under `key`; None if there is nothing for the current source."""
        saved = super().load(key)
        return saved[2] if saved and saved[:2] == (self._source_stamp, key) else None

    def save(self, key: Any, data: Any) -> None:
        """Save `data` under `key`.

        Numba writes the index first: a process killed before it writes the data would leave the
        index pointing to data of an earlier source, or of another processor.
        """
        super().save(key, (self._source_stamp, key, data))

    def discard(self) -> None:
        """Remove the index, so that all it lists is compiled and written anew."""
        Path(self._index_path).unlink(missing_ok=True)

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        file = Path(self._data_path(name)).read_bytes()
        digest, content = file[:_DIGEST_SIZE], file[_DIGEST_SIZE:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"{name} fails its checksum")
        return pickle.loads(content)


class CompileCache(FunctionCache):
    """Numba's cache for one compiled loop; a damaged entry is compiled again and replaced."""

    _cache_file: _CheckedFiles

    def __init__(self, loop: Callable[..., Any]) -> None:
        super().__init__(loop)
        self._cache_file = _CheckedFiles(
            cache_path=self.cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    @classmethod
    def locate(cls, loop: Callable[..., Any]) -> Self | None:
        """Return the cache of `loop`; None if numba finds no writable folder for it."""
        try:
            return cls(loop)
        except (RuntimeError, OSError):  # "cannot cache function: no locator available"
            return None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the code compiled for `sig`; None if there is none or it is damaged."""
        try:
            return super().load_overload(sig, target_context)
        except MemoryError:
            raise
        except Exception:  # a damaged pickle can raise any
            with contextlib.suppress(OSError):
                self._cache_file.discard()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the code compiled for `sig`; on an error it is compiled again next time."""
        with contextlib.suppress(Exception):  # a full disk, a folder that has become read-only
            super().save_overload(sig, data)
