"""The statements of PostgreSQL's scripts that are known to be answered otherwise, by cause.

A statement is named by its script and by how it begins, blanks apart. One that is named and equal now is told, so that the
list stays true.
"""

import collections
import re

VIEW_TEXT = "the text of a view is as it was written, not made anew from what it means"
STATISTICS = "ANALYZE keeps no histograms"
INDEXES = "CREATE INDEX is refused, and the statement counts indexes"
VECTORS = "int2vector and oidvector are read and shown, and have no more functions of arrays"
WINDOW_ORDER = "the window's order leaves open which row comes first"
NO_LIST = "an empty select list before a set operation"

# Cause, script, beginnings of statements.
_NAMED = []


def _plain(sql):
    return re.sub(r"\s+", " ", sql).strip().lower()


class Named:
    """The causes of one script's statements."""

    def __init__(self, script):
        self.known = [(_plain(begin), cause) for cause, name, begins in _NAMED if name == script for begin in begins]
        self.met = collections.Counter()

    def cause(self, sql):
        """Why this statement is answered otherwise; None when that is not known."""
        plain = _plain(sql)
        for begin, cause in self.known:
            if plain.startswith(begin):
                self.met[begin] += 1
                return cause
        return None

    def unmet(self):
        """Beginnings that no different statement had."""
        return [begin for begin, _ in self.known if not self.met[begin]]
