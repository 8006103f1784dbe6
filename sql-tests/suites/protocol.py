"""A client of the PostgreSQL protocol that shows everything a server answers to a query string.

Knows no types: values are text as they came. Format: PostgreSQL documentation, "Message Formats".
"""

import dataclasses
import socket
import struct


class Gone(Exception):
    """The server closed the connection or did not answer in time."""


@dataclasses.dataclass
class Answer:
    """What one statement of a query string got."""

    # Pairs of name and type OID; None when the statement has no rows.
    columns: list = None
    rows: list = dataclasses.field(default_factory=list)
    copied: list = dataclasses.field(default_factory=list)
    tag: str = None
    # Fields of an error by their letter.
    error: dict = None


class Connection:
    def __init__(self, host, port, timeout=120, settings=None):
        self.socket = socket.create_connection((host, port), timeout)
        self.reader = self.socket.makefile("rb")
        pairs = {"user": "postgres", "database": "postgres", **(settings or {})}
        body = struct.pack("!i", 3 << 16) + b"".join(text(k) + text(v) for k, v in pairs.items()) + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        # I: outside of a transaction block, T: in one, E: in a failed one.
        self.status = "I"
        self.notices = []
        for answer in self._answers(None):
            if answer.error:
                raise Gone(answer.error["M"])

    def query(self, sql, blocks=None):
        """All answers to a query string. `blocks()` gives the bytes of the next COPY FROM STDIN."""
        self.ask(sql)
        return self.answers(blocks)

    def ask(self, sql):
        """Sends a query string. Its answers are to be taken before the next."""
        self._send(b"Q", text(sql))

    def answers(self, blocks=None):
        return list(self._answers(blocks))

    def close(self):
        try:
            self._send(b"X", b"")
        except OSError:
            pass
        self.reader.close()
        self.socket.close()

    def _send(self, kind, body):
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self):
        try:
            head = self.reader.read(5)
            if len(head) < 5:
                raise Gone("the server closed the connection")
            (length,) = struct.unpack("!i", head[1:])
            return head[:1], self.reader.read(length - 4)
        except OSError as error:
            raise Gone(f"no answer: {error}") from error

    def _answers(self, blocks):
        answer = Answer()
        while True:
            kind, body = self._receive()
            if kind == b"T":
                answer.columns = list(described(body))
            elif kind == b"D":
                answer.rows.append(list(values(body)))
            elif kind == b"d":
                answer.copied.append(body.decode("utf-8", "replace"))
            elif kind == b"G":
                data = blocks() if blocks else None
                if data is None:
                    self._send(b"f", text("no data"))
                else:
                    self._send(b"d", data)
                    self._send(b"c", b"")
            elif kind in (b"C", b"I"):
                answer.tag = body.rstrip(b"\0").decode() if kind == b"C" else ""
                yield answer
                answer = Answer()
            elif kind == b"E":
                answer.error = fields(body)
                yield answer
                answer = Answer()
            elif kind == b"N":
                self.notices.append(fields(body))
            elif kind == b"Z":
                self.status = body.decode()
                return


def text(value):
    return value.encode() + b"\0"


def fields(body):
    parts = body.split(b"\0")
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in parts if part}


def described(body):
    (count,) = struct.unpack_from("!h", body)
    at = 2
    for _ in range(count):
        end = body.index(b"\0", at)
        name = body[at:end].decode("utf-8", "replace")
        (oid,) = struct.unpack_from("!I", body, end + 7)
        yield name, oid
        at = end + 19


def values(body):
    (count,) = struct.unpack_from("!h", body)
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        if length < 0:
            yield None
        else:
            yield body[at : at + length].decode("utf-8", "replace")
            at += length
