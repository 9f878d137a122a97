"""``@path`` in a question: pictures and small files travel inside it, others are opened to the file
tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lean_agent.cli.inputs import check_corpus, check_file, is_picture
from lean_agent.messages import Image

__all__ = ["INLINE_BYTES", "Attached", "attach"]

INLINE_BYTES = 16_000
"""About 4,000 tokens: half the context of the embedded engine."""

_MENTION = re.compile(r"(?<!\S)@(?:\"([^\"]+)\"|(\S+))")
_AROUND = ".,;:!?)'\""
_PATH_LIKE = re.compile(r"/|\w\.\w+$")


@dataclass(slots=True)
class Attached:
    """The question as it is sent, and what else it needs.

    ``inlined`` are the files whose text is in it, ``files`` are for the file tools, ``corpus`` is a
    folder to search, ``images`` are what stands in ``pictures``, and ``missing`` what looks
    like a path and is none.
    """

    question: str
    inlined: list[Path] = field(default_factory=list[Path])
    files: list[Path] = field(default_factory=list[Path])
    corpus: Path | None = None
    pictures: list[Path] = field(default_factory=list[Path])
    images: list[Image] = field(default_factory=list[Image])
    missing: list[str] = field(default_factory=list[str])


def attach(question: str) -> Attached:
    """Look for files and folders that the question mentions, and read the small ones.

    Raises:
        ConfigurationError: one of them is neither a text file nor a picture, or cannot be read.
    """
    attached = Attached(question)
    for quoted, bare in _MENTION.findall(question):
        path = _existing(quoted or bare)
        if path is None:
            if quoted or _PATH_LIKE.search(bare.rstrip(_AROUND)):
                attached.missing.append(quoted or bare.rstrip(_AROUND))
        elif path.is_dir():
            check_corpus(path)
            attached.corpus = path
        elif is_picture(path):
            attached.pictures.append(path)
            attached.images.append(Image.read(path))
        else:
            check_file(path)
            small = path.stat().st_size <= INLINE_BYTES
            (attached.inlined if small else attached.files).append(path)
    texts = [_block(path) for path in dict.fromkeys(attached.inlined)]
    texts += [f"The file {path.name} can be read with a tool." for path in attached.files]
    if attached.corpus is not None:
        texts.append(f"The documents in {attached.corpus.name} can be searched with a tool.")
    attached.question = "\n\n".join((question, *texts))
    return attached


def _existing(mention: str) -> Path | None:
    """The path, without the punctuation of the sentence around it if it is none with that."""
    for name in dict.fromkeys((mention, mention.rstrip(_AROUND))):
        path = Path(name).expanduser()
        if name and path.exists():
            return path
    return None


def _block(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace").rstrip()
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"The file {path.name}:\n{fence}\n{text}\n{fence}"
