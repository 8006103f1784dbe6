"""Text as a tree whose parts can be left out or made simpler, and the search for its smallest form that still fails.

What is made simpler need not be a statement: servers agree about what they cannot parse, so it does not fail.
"""

# Attempts to make one failing statement smaller.
ATTEMPTS_MAX = 600


class Node:
    """Text of parts. `simpler` are nodes or texts that may stand in its place."""

    def __init__(self, *parts, simpler=()):
        self.parts, self.simpler = list(parts), list(simpler)

    def __str__(self):
        return "".join(str(part) for part in self.parts)

    def nodes(self):
        """This node and all below it, the larger ones first."""
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.nodes()


def joined(separator, items):
    """A list that any one of its items may stand for, and that can do without each but the first."""
    parts = [Node(separator, item, simpler=[""]) if at else item for at, item in enumerate(items)]
    return Node(*parts, simpler=items if len(items) > 1 else [])


def smaller(node, fails, attempts_max=ATTEMPTS_MAX):
    """Makes a tree as small as it can be and still fail."""
    attempts = 0
    changed = True
    while changed:
        changed = False
        for part in list(node.nodes()):
            for simple in list(part.simpler):
                if str(simple) == str(part):
                    continue
                if attempts == attempts_max:
                    return
                before = part.parts, part.simpler
                # A node that took the place keeps what may stand in its own.
                part.parts, part.simpler = [simple], []
                attempts += 1
                if fails(node):
                    changed = True
                    break
                part.parts, part.simpler = before
