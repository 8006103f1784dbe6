"""Cuts a psql script into the query strings that psql would send, and follows its variables.

Rules: PostgreSQL documentation of psql: a semicolon outside of quotes, comments and parentheses ends a query; `\\;` does
not; a backslash command goes to the end of its line; `:name`, `:'name'` and `:"name"` are variables; lines after COPY FROM
STDIN up to `\\.` are data.
"""

import os
import re

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*)
      | (?P<block>/\*)
      | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
      | (?P<quote>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<dollar>\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
      | (?P<joined>\\;)
      | (?P<command>\\[^\n]*)
      | (?P<variable>(?<!:):(?:'\w+'|"\w+"|[A-Za-z_]\w*))
      | (?P<word>[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")


class Script:
    """Iterates over query strings and backslash commands (strings that begin with a backslash)."""

    def __init__(self, source, environment):
        self.source = source
        self.environment = environment
        self.variables = {}
        self.at = 0

    def __iter__(self):
        query, depth, atomic, words = [], 0, 0, []
        while self.at < len(self.source):
            token = _TOKEN.match(self.source, self.at)
            kind, piece = token.lastgroup, token.group()
            self.at = token.end()
            if kind == "comment":
                query.append(" ")
            elif kind == "block":
                self._skip_block()
                query.append(" ")
            elif kind == "dollar":
                end = self.source.find(piece, self.at)
                end = len(self.source) if end < 0 else end + len(piece)
                query.append(piece + self.source[self.at : end])
                self.at = end
            elif kind == "joined":
                query.append(";")
            elif kind == "command":
                if "".join(query).strip() == "" or piece.startswith(("\\g", "\\c")):
                    yield from self._command(piece, query)
            elif kind == "variable":
                query.append(self._variable(piece))
            elif kind == "other" and piece == ";" and depth <= 0 and atomic == 0:
                text, query, depth, words = "".join(query).strip(), [], 0, []
                if text:
                    yield text
            else:
                if kind == "word":
                    words.append(piece.lower())
                    if words[-2:] == ["begin", "atomic"] or (atomic and piece.lower() == "case"):
                        atomic += 1
                    elif atomic and piece.lower() == "end":
                        atomic -= 1
                depth += {"(": 1, ")": -1}.get(piece, 0) if kind == "other" else 0
                query.append(piece)
        text = "".join(query).strip()
        if text:
            yield text

    def block(self):
        """The data lines that follow in the script."""
        start = self.source.index("\n", self.at) + 1
        end = re.compile(r"^\\\.$", re.MULTILINE).search(self.source, start)
        if end is None:
            return None
        self.at = end.end()
        return self.source[start : end.start()].encode()

    def _skip_block(self):
        depth = 1
        while depth > 0:
            mark = _BLOCK.search(self.source, self.at)
            if mark is None:
                self.at = len(self.source)
                return
            depth += 1 if mark.group() == "/*" else -1
            self.at = mark.end()

    def _variable(self, piece):
        quote = piece[1] if piece[1] in "'\"" else ""
        name = piece[1:].strip("'\"")
        if name not in self.variables:
            return piece
        value = self.variables[name]
        return quote + value.replace(quote, quote * 2) + quote if quote else value

    def _command(self, piece, query):
        name, _, rest = piece[1:].partition(" ")
        arguments = rest.split()
        if name == "getenv" and len(arguments) == 2:
            self.variables[arguments[0]] = self.environment.get(arguments[1], os.environ.get(arguments[1], ""))
        elif name == "set" and arguments:
            parts = re.findall(r":\w+|'[^']*'|[^\s':]+", rest.strip()[len(arguments[0]) :])
            self.variables[arguments[0]] = "".join(
                self.variables.get(part[1:], part) if part.startswith(":") else part.strip("'") for part in parts
            )
        elif name == "copy":
            yield "COPY " + rest.strip()
        elif name.startswith("g") and "".join(query).strip():
            text = "".join(query).strip()
            query.clear()
            yield text
        else:
            yield piece.strip()
