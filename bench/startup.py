"""Start-up, each beside its baseline in the same run: medians of interleaved repetitions.

    python bench/startup.py [repetitions]

`lean-agent --help` against a trivial typer program's, and `import lean_agent` against an empty
Python. Ends with 1 where a ratio is above its target.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIVIAL = """
import typer


def main(name: str) -> None:
    print(f"Hello {name}")


typer.run(main)
"""


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(
    name: str, command: list[str], baseline: list[str], repetitions: int, target: float
) -> bool:
    times: dict[str, list[float]] = {"ours": [], "baseline": []}
    seconds(command)  # once each for the file cache and the .pyc files
    seconds(baseline)
    for _ in range(repetitions):
        times["ours"].append(seconds(command))
        times["baseline"].append(seconds(baseline))
    ours, theirs = statistics.median(times["ours"]), statistics.median(times["baseline"])
    ratio = ours / theirs
    verdict = "ok" if ratio <= target else "TOO SLOW"
    print(
        f"{name:24} {ours * 1000:7.1f} ms   baseline {theirs * 1000:7.1f} ms"
        f"   ratio {ratio:5.2f} (at most {target:g}) {verdict}"
    )
    return ratio <= target


def main() -> int:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        trivial = Path(folder) / "trivial.py"
        trivial.write_text(TRIVIAL)
        passed = [
            compare(
                "lean-agent --help",
                [str(Path(python).parent / "lean-agent"), "--help"],
                [python, str(trivial), "--help"],
                repetitions,
                1.4,
            ),
            compare(
                "import lean_agent",
                [python, "-c", "import lean_agent"],
                [python, "-c", "pass"],
                repetitions,
                4.0,
            ),
        ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
