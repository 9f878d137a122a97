"""The process that reads one PDF from standard input and writes its text as JSON."""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfReader

__all__: list[str] = []

_MAX_BYTES = 2 * 1024**3
_MAX_PAGES = 2_000
_MAX_CHARS = 10_000_000


class _TooMuchError(Exception):
    pass


def _text(reader: PdfReader) -> str:
    pages: list[str] = []
    left = _MAX_CHARS
    if len(reader.pages) > _MAX_PAGES:
        raise _TooMuchError(f"more than {_MAX_PAGES:,} pages")
    for page in reader.pages:
        pages.append(page.extract_text().strip())
        left -= len(pages[-1])
        if left < 0:
            raise _TooMuchError(f"more than {_MAX_CHARS:,} characters")
    return "\n\n".join(filter(None, pages))


def _read(data: bytes) -> dict[str, str]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(io.BytesIO(data))
        # Many a PDF is encrypted under an empty password, which forbids printing, not reading.
        if reader.is_encrypted and not reader.decrypt(""):
            return {"reason": "encrypted"}
        text = _text(reader)
        title = reader.metadata.title if reader.metadata else None
    except DependencyError:  # what decrypts AES is not there
        return {"reason": "encrypted"}
    except MemoryError:
        return {"reason": f"reading it takes over {_MAX_BYTES // 2**30} GB of memory"}
    except _TooMuchError as error:
        return {"reason": str(error)}
    except Exception as error:  # noqa: BLE001 - a damaged file breaks the parser in any way
        return {"reason": f"a damaged PDF ({type(error).__name__}: {error})"}
    if not text:
        return {"reason": "no text in it (scanned pages?)"}
    return {
        "title": " ".join((title or "").split()).encode("utf-8", "replace").decode(),
        "text": text.encode("utf-8", "replace").decode(),
    }


def _main() -> None:
    logging.disable()  # every oddity of a file is a warning there
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    seconds = int(sys.argv[1])  # of the processor: for a parent that died and cannot end this
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    json.dump(_read(sys.stdin.buffer.read()), sys.stdout)


if __name__ == "__main__":
    _main()
