"""Questions that need no tool: whoever calls one for them spends for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.draft import Draft
from lean_agent_evals.task import Split

__all__ = ["common_knowledge", "given_words", "mental_arithmetic"]

# fmt: off
_KNOWN = (
    ("What is the capital of France?", "Paris"),
    ("What is the capital of Japan?", "Tokyo"),
    ("What is the chemical symbol of gold?", "Au"),
    ("What is the chemical symbol of sodium?", "Na"),
    ("Who wrote the play Hamlet? Give the last name.", "Shakespeare"),
    ("Who wrote the novel War and Peace? Give the last name.", "Tolstoy", "Tolstoi"),
    ("In which year did the Second World War end?", "1945"),
    ("In which year did the First World War begin?", "1914"),
    ("Which planet is the largest of the solar system?", "Jupiter"),
    ("Which planet is nearest to the sun?", "Mercury"),
    ("How many minutes are in a day?", "1440"),
    ("How many seconds are in an hour?", "3600"),
    ("Who painted the Mona Lisa? Give the name as two or three words.",
     "Leonardo da Vinci", "da Vinci"),
    ("Who painted The Starry Night? Give the name as two or three words.",
     "Vincent van Gogh", "van Gogh"),
    ("What is the capital of Italy?", "Rome"),
    ("What is the capital of Egypt?", "Cairo"),
    ("What is the chemical formula of water?", "H2O"),
    ("What is the chemical formula of table salt?", "NaCl"),
    ("Which is the largest ocean of the earth?", "Pacific", "Pacific Ocean", "the Pacific Ocean"),
    ("Which is the longest river of South America?", "Amazon", "Amazon River", "the Amazon"),
    ("How many degrees are in a full circle?", "360"),
    ("How many metres are in a kilometre?", "1000"),
    ("Who formulated the theory of general relativity? Give the last name.", "Einstein"),
    ("Who formulated the three laws of motion in the Principia? Give the last name.", "Newton"),
    ("In which year did men first land on the moon?", "1969"),
    ("In which year did the Berlin Wall fall?", "1989"),
    ("What is the currency of Japan called?", "Yen", "Japanese yen"),
    ("What is the currency of the United Kingdom called?",
     "Pound sterling", "Pound", "British pound", "Sterling"),
    ("What is the chemical symbol of iron?", "Fe"),
    ("What is the chemical symbol of silver?", "Ag"),
    ("What is the capital of Canada?", "Ottawa"),
    ("What is the capital of Australia?", "Canberra"),
    ("Who wrote Don Quixote? Give the last name.", "Cervantes", "de Cervantes"),
    ("Who wrote the novel 1984? Give the last name.", "Orwell"),
    ("Which gas do plants take from the air for photosynthesis?",
     "Carbon dioxide", "CO2"),
    ("Which gas makes up most of the air?", "Nitrogen", "N2"),
    ("Which animal is the largest that has ever lived?", "Blue whale", "the blue whale"),
    ("Which land animal is the fastest?", "Cheetah", "the cheetah"),
    ("What is the square root of 144?", "12"),
    ("What is the square root of 169?", "13"),
)
# fmt: on


def mental_arithmetic(split: Split, dice: Dice) -> Iterator[Draft]:
    """The first number is even in one split and odd in the other."""
    odd = split == "test"
    while True:
        first, other = 2 * dice.between(11, 49) + odd, dice.between(12, 99)
        crates = dice.between(3, 9)
        forms = (
            (f"What is {first} plus {other}?", first + other),
            (f"What is {first + 100} minus {other}?", first + 100 - other),
            (
                f"There are {first} lamps in a crate. How many are in {crates} crates?",
                first * crates,
            ),
        )
        question, result = dice.pick(forms)
        yield Draft(question=question, answers=(str(result),), level=1)


def common_knowledge(split: Split, dice: Dice) -> Iterator[Draft]:
    """Every second question is for one split. There are 20 each."""
    for question, *answers in dice.shuffled(_KNOWN[split == "test" :: 2]):
        yield Draft(question=question, answers=tuple(answers), level=1)


def given_words(words: Sequence[str], dice: Dice) -> Iterator[Draft]:
    """Something to be done to words that stand in the question."""
    while True:
        chosen = dice.sample(words, 5)
        forms = (
            ("Put these words in alphabetical order, separated by commas:", sorted(chosen), ", "),
            ("Write these words in reverse order, separated by commas:", chosen[::-1], ", "),
            ("Which word do the first letters of these make up?", [w[0] for w in chosen], ""),
        )
        question, parts, between = dice.pick(forms)
        yield Draft(
            question=f"{question} {', '.join(chosen)}.", answers=(between.join(parts),), level=1
        )
