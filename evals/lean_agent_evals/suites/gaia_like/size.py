"""How much there is of what in a world of so many pages."""

from __future__ import annotations

from dataclasses import dataclass

from lean_agent import ConfigurationError
from lean_agent_evals.suites.gaia_like.world import WorkKind

__all__ = ["MIN_PAGES", "Size"]

MIN_PAGES = 300
"""With fewer there are no tables of which a question can require ten entries."""

_LARGE = 1_500
"""From here on there are six countries and three kinds of works instead of three and one."""


@dataclass(frozen=True, slots=True)
class Size:
    """Counts for at least ``pages`` pages; exactly as many where that leaves enough engineers.

    Raises:
        ConfigurationError: fewer than MIN_PAGES.
    """

    pages: int

    def __post_init__(self) -> None:
        if self.pages < MIN_PAGES:
            raise ConfigurationError(
                f"a world of {self.pages} pages is too small", hint=f"give {MIN_PAGES} or more"
            )

    @property
    def countries(self) -> int:
        return 6 if self.pages >= _LARGE else 3

    @property
    def kinds(self) -> tuple[WorkKind, ...]:
        return ("novel", "painting", "opera") if self.pages >= _LARGE else ("novel",)

    @property
    def regions(self) -> int:
        """In each country."""
        return max(2, self.pages // 400)

    @property
    def cities(self) -> int:
        return self.pages * 12 // 100

    @property
    def rivers(self) -> int:
        return max(6, self.pages // 80)

    @property
    def firms(self) -> int:
        return max(20, self.pages // 10)

    @property
    def colleges(self) -> int:
        return max(4, self.pages // 50)

    @property
    def bridges(self) -> int:
        """In each country."""
        return max(14, self.pages * 15 // 1000)

    @property
    def works(self) -> int:
        """Of each kind."""
        return max(90, self.pages // 10)

    @property
    def makers(self) -> int:
        """People who make the works of one kind."""
        return self.works * 45 // 100

    @property
    def prizes(self) -> int:
        """For each kind of works."""
        return 3

    @property
    def awards(self) -> int:
        """Of each prize, at most."""
        return 36 if self.pages >= _LARGE else 20

    @property
    def engineers(self) -> int:
        """The rest; a country's list of bridges is a page too."""
        others = (
            self.countries * (2 + self.regions + self.bridges)
            + self.cities
            + self.rivers
            + 2 * (self.firms + self.colleges)
            + len(self.kinds) * (self.works + self.makers + self.prizes)
        )
        return max(20, self.pages - others)
