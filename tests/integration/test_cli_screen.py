"""The chat as it stands on the screen: tmux is the terminal, and says what it shows."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.cli import LEAN_AGENT, acts_natively, environment
from support.fake_openai import FakeOpenAI, Reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux"),
]

WORDS = ["Straße", "naïveté", "東京都", "unfortunately", "internationalisation", "🙂", "terminals"]
PROSE = " ".join(f"{WORDS[n % len(WORDS)]}{n}" for n in range(120))
HOSTILE = "safe\x1b[2J\x1b]0;owned\x07\x9b31m\u202e text"


class Screen:
    """A window of tmux, of a server of its own."""

    def __init__(self, command: str, columns: int, folder: Path) -> None:
        self._socket = str(folder / "tmux.sock")
        self._environment = environment(folder, LC_ALL="C.UTF-8", PS1="")
        size = ("-x", str(columns), "-y", "30")
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, command)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def key(self, name: str) -> None:
        self._tmux("send-keys", name)

    def resize(self, columns: int) -> None:
        self._tmux("resize-window", "-x", str(columns))

    def shown(self, *, with_history: bool = False) -> list[str]:
        past = ("-S", "-") if with_history else ()
        lines = self._tmux("capture-pane", "-p", *past).split("\n")
        return [line.rstrip() for line in lines]

    def wait(self, until: Callable[[list[str]], bool], seconds: float = 90) -> list[str]:
        end = time.monotonic() + seconds
        while not until(lines := self.shown()):
            assert time.monotonic() < end, "\n".join(lines)
            time.sleep(0.05)
        return lines

    def close(self) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *line: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self._socket, *line],
            env=self._environment,
            capture_output=True,
            text=True,
            check=check,
        )
        return done.stdout


def has(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(text in line for line in lines)


def ready(lines: list[str]) -> bool:
    """Whether a line may be typed: the prompt is the last thing there is."""
    return [line for line in lines if line][-1:] == [">"]


def same_words(lines: list[str], text: str) -> None:
    """Nothing is lost, and no word is broken but where characters fill two columns."""
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    shown = set(" ".join(lines).split())
    assert {word for word in text.split() if cell_len(word) == len(word)} <= shown


@pytest.fixture(params=[80, 200])
def columns(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def screen(server: FakeOpenAI, tmp_path: Path, columns: int) -> Iterator[Screen]:
    big = tmp_path / "big.txt"
    big.write_text("".join(f"row {number}\n" for number in range(10_000)))
    acts_natively(server.url, tmp_path)
    flags = ("--model", "openai:x", "--base-url", server.url, "--mode", "agent", "--file", str(big))
    screen = Screen(shlex.join([LEAN_AGENT, "chat", *flags]), columns, tmp_path)
    yield screen
    screen.close()


def test_what_is_written_stands_there_whole_at_each_width(
    server: FakeOpenAI, screen: Screen, columns: int
) -> None:
    path = json.dumps({"path": "big.txt"})
    server.say(
        Reply(text=f"{PROSE} the-end", piece_chars=40),
        Reply(text=HOSTILE),
        Reply(text="", tool_calls=(("read_file", path),)),
        Reply(text="it is long"),
        Reply(text=f"{PROSE} all-told", piece_chars=12, piece_delay=0.03),
    )
    screen.wait(ready)
    screen.type("Talk!")
    screen.wait(has("the-end"))
    lines = screen.wait(ready)
    whole = screen.shown(with_history=True)
    begin = next(n for n, line in enumerate(whole) if line.startswith(WORDS[0]))
    end = next(n for n, line in enumerate(whole) if "the-end" in line)
    same_words(whole[begin : end + 1], f"{PROSE} the-end")
    assert max(map(cell_len, whole)) <= columns
    assert sum(line == ">" for line in lines) == 1

    screen.type("Be wicked!")
    screen.wait(has("safe[2J]0;owned31m text"))
    screen.wait(ready)
    assert has("Be wicked!")(screen.shown())  # nothing was wiped

    screen.type("How long is the file?")
    screen.wait(has("it is long"))
    lines = screen.wait(ready)
    (folded,) = [line for line in lines if line.endswith("lines]")]
    assert cell_len(folded) <= columns
    screen.type("/tools last")
    screen.wait(has("[more: continue with"))
    screen.wait(ready)

    screen.type("/mode instant")
    screen.wait(has("mode instant"))
    screen.wait(ready)
    screen.type("Talk on!")
    screen.wait(lambda lines: has("terminals13")(lines) and has("instant | step 1")(lines))
    screen.resize(columns // 2)
    screen.wait(has("all-told"))
    lines = screen.wait(ready)
    assert max(map(cell_len, lines)) <= columns // 2
    last = next(n for n, line in enumerate(lines) if "all-told" in line)
    assert not has("instant | step 1")(screen.shown(with_history=True))
    tail = "".join(lines[last - 2 : last + 1]).replace(" ", "")
    assert f"{PROSE} all-told".replace(" ", "").endswith(tail)
    assert sum(line == ">" for line in lines) == 1
    screen.key("C-d")
