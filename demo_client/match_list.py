"""Which match is selected, and which part of a list that changes all the time is seen.

The selection is a match and not a line: matches that come and go above it do not move it to another one.
To test: `tests/demo_client/test_match_list.py`.
"""

from collections.abc import Sequence


class MatchList:
    """The ids of all matches in their order; `selected` is one of them, or "" when there are none."""

    def __init__(self) -> None:
        self.matches: Sequence[str] = ()
        self.selected = ""
        self.top = 0
        self._line = 0
        self._rows = 1

    def show(self, matches: Sequence[str], rows: int) -> None:
        """Take the matches as they are now, and how many lines are seen; a selection that was seen stays so."""
        was_seen = self.top <= self._line < self.top + self._rows
        self.matches, self._rows = matches, rows
        if self.selected in matches:
            self._line = matches.index(self.selected)
        else:  # It is gone: whatever took its line is selected.
            self._select(self._line)
        if was_seen:
            self._reveal()
        self.top = min(self.top, self._top_max)

    def move(self, lines: int) -> None:
        """Select another match so many lines further down, and scroll until it is seen."""
        self._select(self._line + lines)
        self._reveal()

    def scroll(self, lines: int) -> None:
        """Show other lines, without selecting another match."""
        self.top = max(0, min(self.top + lines, self._top_max))

    def select(self, match: str) -> None:
        """Select a match of the list."""
        if match in self.matches:
            self._select(self.matches.index(match))

    def page(self) -> int:
        """Return how many lines a page is."""
        return max(1, self._rows - 1)

    @property
    def _top_max(self) -> int:
        return max(0, len(self.matches) - self._rows)

    def _reveal(self) -> None:
        self.top = max(min(self.top, self._line), self._line - self._rows + 1)

    def _select(self, line: int) -> None:
        self._line = max(0, min(line, len(self.matches) - 1))
        self.selected = self.matches[self._line] if self.matches else ""
