"""Whether two answers to a statement hold the same rows, where its ORDER BY leaves their order open.

The rule:
- without an ORDER BY of the whole statement, rows are compared as a multiset;
- with one whose every key is a column of the output, the sequences of key values must be the same, and of each run of rows
  with equal keys the multiset of the rows;
- with any other, row by row.

An answer is left open by the statement where
- it has LIMIT and no ORDER BY: any rows will do;
- a window function that goes by places (first_value, lag, row_number and the like, and all with a frame of ROWS) is over a
  window in whose partition and order rows of the answer are equal, all of these being columns of the output: its values.

Keys are found in the text: a number, the name of an output column, or an expression that the select list has in the same
words. Knows no server and no types; values are text.
"""

import collections
import itertools
import re

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/
    |[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'
    |"(?:[^"]|"")*"
    |\$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    |[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*|\d[\w.]*|::|\S""",
    re.S | re.X,
)
_OPEN, _CLOSE = {"(", "["}, {")", "]"}
_SET_OPERATIONS = {"union", "intersect", "except"}
_WRITES = {"insert", "update", "delete", "merge"}
_AFTER_SELECT_LIST = {"from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "into", ";"}
_AFTER_ORDER_BY = {"limit", "offset", "fetch", "for", "returning", ";"}


def tokens(sql):
    """Words in lower case, everything else as it stands; a name in quotes that needs none is a word."""
    found = []
    for match in _TOKEN.finditer(sql):
        token = match.group()
        if token.startswith(("--", "/*")):
            continue
        if re.fullmatch(r'"[a-z_][a-z_0-9]*"', token):
            token = token[1:-1]
        quoted = token[0] in "'\"$" or token[:2] in ("e'", "E'")
        found.append(token if quoted else token.lower())
    return _unwrapped(found)


def _unwrapped(found):
    """Without parentheses around the whole statement."""
    while found and found[-1] == ";":
        found = found[:-1]
    while found and found[0] == "(" and _closing(found, 0) == len(found) - 1:
        found = found[1:-1]
    # COPY (query) TO: the rows are the query's.
    if found[:2] == ["copy", "("]:
        return _unwrapped(found[1 : _closing(found, 1) + 1])
    return found


def _closing(found, start):
    depth = 0
    for at in range(start, len(found)):
        depth += (found[at] in _OPEN) - (found[at] in _CLOSE)
        if depth == 0:
            return at
    return len(found) - 1


def _outside(found):
    """Positions of the tokens that stand outside of parentheses."""
    depth = 0
    for at, token in enumerate(found):
        if token in _CLOSE:
            depth -= 1
        if depth == 0 and token not in _OPEN | _CLOSE:
            yield at
        if token in _OPEN:
            depth += 1


def _pieces(found):
    """What commas outside of parentheses part."""
    commas = [at for at in _outside(found) if found[at] == ","]
    return [found[a + 1 : b] for a, b in zip([-1, *commas], [*commas, len(found)])]


def _until(found, words):
    """The beginning, up to the first of these words outside of parentheses."""
    end = next((at for at in _outside(found) if found[at] in words), len(found))
    return found[:end]


def order_by(found):
    """The sort keys of the whole statement as lists of tokens, without directions; None when it has no ORDER BY."""
    starts = [at for at in _outside(found) if found[at : at + 2] == ["order", "by"]]
    if not starts:
        return None
    return [_key(piece) for piece in _pieces(_until(found[starts[-1] + 2 :], _AFTER_ORDER_BY))]


def _key(piece):
    if len(piece) > 2 and piece[-2] == "nulls":
        piece = piece[:-2]
    if "using" in piece[1:]:
        piece = piece[: piece.index("using", 1)]
    if piece[-1:] in (["asc"], ["desc"]):
        piece = piece[:-1]
    if len(piece) > 2 and piece[-2] == "collate":
        piece = piece[:-2]
    return piece


def select_list(found):
    """The items of the one SELECT whose rows the statement yields; empty when it is not one."""
    outside = list(_outside(found))
    words = {found[at] for at in outside}
    if words & _SET_OPERATIONS or words & _WRITES or "select" not in words:
        return []
    items = found[next(at for at in outside if found[at] == "select") + 1 :]
    if items[:2] == ["distinct", "on"]:
        items = items[_closing(items, 2) + 1 :]
    elif items[:1] in (["distinct"], ["all"]):
        items = items[1:]
    return _pieces(_until(items, _AFTER_SELECT_LIST))


def _placed(items, width):
    """Items by the position of their column; what stands between two stars has none."""
    stars = [at for at, item in enumerate(items) if item[-1:] == ["*"] and (len(item) == 1 or item[-2] == ".")]
    if not stars:
        return dict(enumerate(items)) if len(items) == width else {}
    before = dict(enumerate(items[: stars[0]]))
    after = items[stars[-1] + 1 :]
    return before | {width - len(after) + at: item for at, item in enumerate(after)}


def _says(item, expression):
    """Whether an item of the select list is this expression, under whatever name."""
    return expression in (item, item[:-2] if item[-2:-1] == ["as"] else None, item[:-1])


def _column(key, names, placed):
    """The output column that holds a key; None when it cannot be told."""
    if len(key) == 1 and key[0].isdigit():
        return int(key[0]) - 1 if 0 < int(key[0]) <= len(names) else None
    name = key[-1].strip('"') if key else ""
    if len(key) == 1 and names.count(name) == 1:
        return names.index(name)
    for at, item in placed.items():
        if _says(item, key):
            return at
    # A column of a table among those of a star, or under its own name.
    if len(key) == 3 and key[1] == "." and names.count(name) == 1:
        at = names.index(name)
        if at not in placed or placed[at] == key[-1:]:
            return at
    return None


def key_columns(found, names):
    """Positions of the sort keys in the output; None when one is not there, or when the output is what RETURNING says."""
    if any(found[at] in _WRITES for at in _outside(found)):
        return None
    placed = _placed(select_list(found), len(names))
    columns = [_column(key, names, placed) for key in order_by(found)]
    return None if None in columns else columns


def same_rows(sql, names, ours, theirs):
    """Whether the rows of two answers are the same by the rule above. `names`: of the output; None for copied lines."""
    if ours == theirs:
        return True
    if len(ours) != len(theirs):
        return False
    found = tokens(sql)
    if order_by(found) is None:
        return _multiset(ours) == _multiset(theirs)
    columns = key_columns(found, names) if names is not None else None
    if columns is None:
        return False
    return _runs(ours, columns) == _runs(theirs, columns)


def agrees_where_decided(sql, names, ours, theirs):
    """Whether a statement leaves its answer open and the two answers are the same in what it does not leave open."""
    if names is None or len(ours) != len(theirs):
        return False
    found = tokens(sql)
    limited = any(found[at] in ("limit", "fetch") for at in _outside(found))
    if limited and order_by(found) is None:
        return True
    undecided = open_columns(found, names, theirs)
    blank = lambda rows: [[None if at in undecided else value for at, value in enumerate(row)] for row in rows]
    return bool(undecided) and same_rows(sql, names, blank(ours), blank(theirs))


def open_columns(found, names, rows):
    """Positions of the window functions whose values these rows show to depend on an order that is left open."""
    placed = _placed(select_list(found), len(names))
    windows = _windows(found)
    calls = {at: call for at, item in placed.items() if (call := _call(item, windows))}
    undecided = set()
    for at, keys in calls.items():
        columns = [_column(key, names, placed) for key in keys]
        if None in columns or set(columns) & set(calls):
            continue
        if len({tuple(row[column] for column in columns) for row in rows}) < len(rows):
            undecided.add(at)
    return undecided


_BY_PLACE = {"row_number", "ntile", "lag", "lead", "first_value", "last_value", "nth_value"}
_FRAMES = {"rows", "range", "groups"}


def _windows(found):
    """Definitions of the WINDOW clause by name."""
    starts = [at for at in _outside(found) if found[at] == "window"]
    if not starts:
        return {}
    named = _pieces(_until(found[starts[0] + 1 :], {"order", "limit", "offset", "fetch", "for", ";"}))
    return {piece[0]: piece[3:-1] for piece in named if piece[1:3] == ["as", "("]}


def _call(item, windows):
    """What a window function that goes by places divides and orders by; None for all else."""
    if len(item) < 4 or item[1] != "(":
        return None
    over = _closing(item, 1) + 1
    if item[over : over + 1] != ["over"]:
        return None
    if item[over + 1 : over + 2] == ["("]:
        window = item[over + 2 : _closing(item, over + 1)]
    else:
        window = windows.get(item[over + 1])
    if window is None or window[:1] and window[0] not in _FRAMES | {"partition", "order"}:
        return None
    if item[0] not in _BY_PLACE and "rows" not in window:
        return None
    return _by(window, "partition", _FRAMES | {"order"}) + _by(window, "order", _FRAMES)


def _by(window, word, ends):
    starts = [at for at in _outside(window) if window[at : at + 2] == [word, "by"]]
    return [_key(piece) for piece in _pieces(_until(window[starts[0] + 2 :], ends))] if starts else []


def _multiset(rows):
    return collections.Counter(row if isinstance(row, (str, bytes)) else tuple(row) for row in rows)


def _runs(rows, columns):
    """For each run of rows with equal keys: the keys, and the rows as a multiset."""
    grouped = itertools.groupby(rows, key=lambda row: tuple(row[column] for column in columns))
    return [(key, _multiset(run)) for key, run in grouped]
