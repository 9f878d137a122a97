"""The pictures of the docs: ``python docs/pictures/draw.py`` writes them all.

They are drawn here and kept as SVG, so that a page needs no script of anybody's to show them.
A picture is boxes on a grid, ``name: (column, row, text)``, and arrows ``from > to: label``.
A name that ends in "*" is the box that the page is about.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

WIDE, HIGH = 132, 46  # of a box
GAP_X, GAP_Y = 58, 40
MARGIN = 16
Box = tuple[float, float, str]

PICTURES: dict[str, tuple[str, dict[str, Box], list[str]]] = {
    "run": (
        "A run: the gate picks a mode, each mode ends in verify, which may go on in the next",
        {
            "task": (0, 1.5, "task"),
            "gate*": (1, 1.5, "gate"),
            "instant": (2, 0, "instant"),
            "reason": (2, 1, "reason"),
            "plan": (2, 2, "plan"),
            "think": (2, 3, "agent: think"),
            "act": (2, 4, "act: tools"),
            "verify": (3, 1.5, "verify"),
            "answer": (4, 1.5, "answer and cost"),
        },
        [
            "task > gate*",
            "gate* > instant",
            "gate* > reason",
            "gate* > plan",
            "gate* > think",
            "think > act",
            "act > think",
            "instant > verify",
            "reason > verify",
            "plan > verify",
            "think > verify",
            "verify > answer",
        ],
    ),
    "ledger": (
        "A model call: reserve the worst case, send, enter and settle the truth, refund the rest",
        {
            "call": (0, 0, "a call"),
            "reserve*": (1, 0, "reserve|the worst case"),
            "open": (2, 0, "enter as open"),
            "send": (3, 0, "send"),
            "settle": (4, 0, "settle the truth,|refund the rest"),
            "shrink": (1, 1.2, "shrink the output,|or answer and end"),
            "caps": (0, 1.2, "caps: run, session,|day, month"),
            "ledger": (4, 1.2, "ledger"),
        },
        [
            "call > reserve*",
            "reserve* > open",
            "open > send",
            "send > settle",
            "settle > ledger",
            "reserve* > shrink: too much",
            "caps > reserve*",
        ],
    ),
    "gate": (
        "The gate: certain cases by rules, others by the model's profile, else by free rules",
        {
            "task": (0, 1, "task and tools"),
            "certain": (1, 1, "certain?"),
            "rule": (2, 0, "forced, small talk,|known problem"),
            "profile": (2, 1, "profile|of the model?"),
            "free": (2, 2, "free rules"),
            "cheapest*": (3.1, 1, "least cost of a pass|that is good enough"),
            "mode": (4.3, 1, "mode, and why"),
        },
        [
            "task > certain",
            "certain > rule: yes",
            "certain > profile: no",
            "profile > cheapest*: yes",
            "profile > free: no",
            "rule > mode",
            "free > mode",
            "cheapest* > mode",
        ],
    ),
    "reasoning": (
        "Plan-and-Budget: a plan, sub-questions with shares of the tokens, then the task itself",
        {
            "task": (0, 1, "task,|300 tokens"),
            "plan*": (1, 1, "plan: parts,|and how hard each is"),
            "one": (2, 0, "part 1: 90"),
            "two": (2, 1, "part 2: 60"),
            "three": (2, 2, "part 3: 40"),
            "task2": (3, 1, "the task again,|what is left"),
            "answer": (4, 1, "Answer:"),
        },
        [
            "task > plan*",
            "plan* > one",
            "plan* > two",
            "plan* > three",
            "one > task2",
            "two > task2",
            "three > task2",
            "task2 > answer",
        ],
    ),
    "planners": (
        "A planner: two functions, searched in the sandbox, checked by a validator of its own",
        {
            "text": (0, 0.5, "a problem's text"),
            "encode": (1, 0.5, "encode"),
            "search*": (2, 0.5, "search|in the sandbox"),
            "functions": (2, 1.7, "successors, is_goal"),
            "validate": (3, 0.5, "validate,|step by step"),
            "solved": (4, 0, "solved"),
            "unknown": (4, 1, "unknown"),
            "model": (1, 1.7, "a person, or a model|once: plan learn"),
        },
        [
            "text > encode",
            "encode > search*",
            "functions > search*",
            "model > functions",
            "search* > validate: plan",
            "validate > solved: yes",
            "validate > unknown: no",
        ],
    ),
    "tools": (
        "A tool call: decided by rules, allowed by a pattern or a person, then paid for and run",
        {
            "call": (0, 0, "the model's call"),
            "rules*": (1, 0, "free rules"),
            "allowed": (2, 0, "changes something?|needs a yes"),
            "pay": (3, 0, "pay and run"),
            "result": (4, 0, "result, cut|where it is long"),
            "served": (1, 1.2, "served from memory,|refused, or ended"),
            "refused": (2, 1.2, "refused, with|the reason"),
        },
        [
            "call > rules*",
            "rules* > allowed: new",
            "allowed > pay: yes",
            "pay > result",
            "rules* > served: known",
            "allowed > refused: no",
        ],
    ),
    "retrieval": (
        "An index: passages found by words and by meaning, both rankings made one",
        {
            "folder": (0, 0.5, "a folder"),
            "passages": (1, 0.5, "passages"),
            "words": (2, 0, "by words: BM25"),
            "vectors": (2, 1, "by meaning: vectors|(with an embedder)"),
            "fusion*": (3.1, 0.5, "rank fusion"),
            "hits": (4.1, 0.5, "best passages"),
        },
        [
            "folder > passages",
            "passages > words",
            "passages > vectors",
            "words > fusion*",
            "vectors > fusion*",
            "fusion* > hits",
        ],
    ),
    "scheduling": (
        "Runs wait for the engine's slots by priority; each keeps the slot with its prompt",
        {
            "one": (0, 0, "run nearly done"),
            "two": (0, 1, "run half-way"),
            "three": (0, 2, "run just begun"),
            "queue*": (1.2, 1, "queue by priority"),
            "slot1": (2.4, 0.5, "slot 1|its prompt cached"),
            "slot2": (2.4, 1.5, "slot 2|its prompt cached"),
            "engine": (3.6, 1, "engine"),
        },
        [
            "one > queue*: first",
            "two > queue*",
            "three > queue*: last",
            "queue* > slot1",
            "queue* > slot2",
            "slot1 > engine",
            "slot2 > engine",
        ],
    ),
    "faults": (
        "A call that fails is tried again, then goes to the next model, then ends as one error",
        {
            "call": (0, 0, "a call"),
            "try*": (1, 0, "attempt|(each is charged)"),
            "answer": (2.2, 0, "answer"),
            "again": (1, 1.2, "again, with a pause:|3 attempts"),
            "next": (2.2, 1.2, "next model|of the list"),
            "error": (3.4, 1.2, "one typed error,|with what was done"),
        },
        [
            "call > try*",
            "try* > answer: good",
            "try* > again: fails",
            "again > next: still",
            "next > error: none left",
        ],
    ),
    "trajectories": (
        "Trajectories: recorded or imported, measured, filtered, and used again",
        {
            "runs": (0, 0, "runs, eval"),
            "logs": (0, 1, "logs of others"),
            "record*": (1, 0.5, "trajectory,|step by step"),
            "measure": (2, 0, "stats: waste,|ISR, ISE"),
            "filter": (2, 1, "filter: passed,|and cheap"),
            "use": (3, 0.5, "examples for agents"),
            "train": (3, 1.5, "export: chat,|dpo, kto"),
        },
        [
            "runs > record*",
            "logs > record*: import",
            "record* > measure",
            "record* > filter",
            "filter > use",
            "filter > train",
        ],
    ),
    "evals": (
        "An evaluation: every arm tries every task under one meter; what counts is a pass's cost",
        {
            "suite": (0, 0, "suite: tasks,|tools, scorer"),
            "arms": (0, 1, "arms: modes, models,|other frameworks"),
            "meter*": (1.1, 0.5, "attempts under|one meter"),
            "outcomes": (2.2, 0.5, "outcomes:|passed, cost"),
            "report": (3.3, 0, "cost of a pass,|with intervals"),
            "gate": (3.3, 1, "gate for CI"),
        },
        [
            "suite > meter*",
            "arms > meter*",
            "meter* > outcomes",
            "outcomes > report",
            "outcomes > gate",
        ],
    ),
}

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1f;text-anchor:middle;"
    "dominant-baseline:central}.l{font-size:12px;fill:#454550}"
    "rect{fill:#eef0fb;stroke:#3f51b5;rx:6}.f{fill:#c9d0f5;stroke-width:2}"
    ".p{fill:#fafafc;stroke:none}line{stroke:#5c5c68;stroke-width:1.4;marker-end:url(#a)}"
)


def draw(title: str, boxes: dict[str, Box], arrows: list[str]) -> str:
    """One picture as SVG, on a light ground of its own so that it reads on dark pages, too."""
    centres = {
        name: (
            MARGIN + WIDE / 2 + column * (WIDE + GAP_X),
            MARGIN + HIGH / 2 + row * (HIGH + GAP_Y),
        )
        for name, (column, row, _) in boxes.items()
    }
    width = max(x for x, _ in centres.values()) + WIDE / 2 + MARGIN
    height = max(y for _, y in centres.values()) + HIGH / 2 + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#5c5c68"/></marker>',
        f'<rect class="p" width="{width:g}" height="{height:g}"/>',
    ]
    pairs = {arrow.partition(": ")[0] for arrow in arrows}
    for arrow in arrows:
        pair, _, label = arrow.partition(": ")
        start, end = pair.split(" > ")
        aside = 14.0 if f"{end} > {start}" in pairs else 0.0
        parts += _arrow(centres[start], centres[end], label, aside=aside)
    for name, (_, _, text) in boxes.items():
        x, y = centres[name]
        kind = ' class="f"' if name.endswith("*") else ""
        corner = f'x="{x - WIDE / 2:g}" y="{y - HIGH / 2:g}"'
        parts.append(f'<rect{kind} {corner} width="{WIDE}" height="{HIGH}"/>')
        lines = text.split("|")
        for number, line in enumerate(lines):
            at = y + 16 * (number - (len(lines) - 1) / 2)
            parts.append(f'<text x="{x:g}" y="{at:g}">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _arrow(
    start: tuple[float, float], end: tuple[float, float], label: str, *, aside: float
) -> list[str]:
    """From border to border; two arrows between the same boxes go ``aside`` of each other."""
    across, down = end[0] - start[0], end[1] - start[1]
    if abs(across) < 1:
        sign = 1 if down > 0 else -1
        x1 = x2 = start[0] - sign * aside
        y1, y2 = start[1] + sign * HIGH / 2, end[1] - sign * (HIGH / 2 + 2)
    else:
        sign = 1 if across > 0 else -1
        x1, x2 = start[0] + sign * WIDE / 2, end[0] - sign * (WIDE / 2 + 2)
        y1, y2 = start[1], end[1]
    parts = [f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>']
    if label:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        if abs(across) < 1:
            x += 6 + 3.4 * len(label)
        else:
            y -= 10
        parts.append(f'<text class="l" x="{x:g}" y="{y:g}">{escape(label)}</text>')
    return parts


def main() -> None:
    """Write every picture beside this file."""
    for name, (title, boxes, arrows) in PICTURES.items():
        svg = draw(title, boxes, arrows)
        Path(__file__).with_name(f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
