"""The parts of the differential runner that need no server: the rule, the search for the smallest, what a seed gives."""

import itertools
import unittest

from block import DIFFERENT, EQUAL, FAILED, LEFT_OUT, REFUSED, Block, content, verdict
from changes import Changes
from differential import BIG_EVERY, BIG_SERVERS, SERVERS, blocks, plan
from protocol import Answer
from tree import Node, smaller
from values import CONDITIONS, EXPRESSIONS, RISKY, SHORT, TYPES, VALUES


def rows(*values, name="a", oid=23, tag="SELECT 1"):
    return [Answer(columns=[(name, oid)], rows=[[value] for value in values], tag=tag)]


def error(code, message=""):
    return [Answer(error={"C": code, "M": message})]


class Rule(unittest.TestCase):
    def test_all_of_an_answer_is_compared(self):
        self.assertEqual(verdict(rows("1"), rows("1"), True), EQUAL)
        for other in [rows("2"), rows("1", name="b"), rows("1", oid=20), rows("1", tag="SELECT 2"), rows(None), rows("1", "1"), error("22012")]:
            self.assertEqual(verdict(rows("1"), other, True), DIFFERENT)
            self.assertEqual(verdict(other, rows("1"), True), DIFFERENT)

    def test_order_counts_where_the_statement_has_one(self):
        self.assertEqual(verdict(rows("1", "2"), rows("2", "1"), False), EQUAL)
        self.assertEqual(verdict(rows("1", "2"), rows("2", "1"), True), DIFFERENT)

    def test_oids_of_new_types_are_their_own(self):
        self.assertEqual(verdict(rows("1", oid=1 << 30), rows("1", oid=16_400), True), EQUAL)

    def test_errors(self):
        self.assertEqual(verdict(error("42601"), error("42601"), True), FAILED)
        self.assertEqual(verdict(error("22012"), error("22003"), True), FAILED)
        self.assertEqual(verdict(error("54000"), error("22023"), True), FAILED)
        self.assertEqual(verdict(error("22003"), error("23514"), True), DIFFERENT)
        self.assertEqual(verdict(error("54001"), error("22023"), True), DIFFERENT)
        nan = error("0A000", "cannot convert NaN to bigint")
        self.assertEqual(verdict(error("22003"), nan, True), FAILED)
        self.assertEqual(verdict(nan, rows("1"), True), DIFFERENT)
        self.assertEqual(verdict(error("42601"), error("42883"), True), DIFFERENT)
        self.assertEqual(verdict(error("0A000"), rows("1"), True), REFUSED)
        self.assertEqual(verdict(rows("1"), error("0A000"), True), DIFFERENT)
        self.assertEqual(verdict(error("53200"), rows("1"), True), LEFT_OUT)
        self.assertEqual(verdict(error("XX000"), error("22012"), True), DIFFERENT)


class Smallest(unittest.TestCase):
    def test_all_that_is_not_needed_goes(self):
        leaf = lambda text: Node(text, simpler=["0"])
        bad = leaf("bad")
        tree = Node("SELECT ", Node("f(", Node("g(", bad, ")", simpler=[bad]), ", ", leaf("x"), ")"), Node(" WHERE ", leaf("y"), simpler=[""]))
        smaller(tree, lambda node: "bad" in str(node))
        self.assertEqual(str(tree), "SELECT f(bad, 0)")

    def test_it_ends(self):
        calls = []
        smaller(Node("a", simpler=[Node("b", simpler=["a"])]), lambda node: not calls.append(str(node)), 5)
        self.assertLessEqual(len(calls), 5)


class Seeds(unittest.TestCase):
    def text(self, seed, big):
        made = Changes(seed)
        statements = [ours for _, ours in made.schema(big)]
        for _ in range(40):
            statements += [str(made.query()[0]), str(made.failing()), str(made.change()[0])]
        return statements

    def test_a_seed_gives_the_same_statements(self):
        for big in (False, True):
            self.assertEqual(self.text("7/1", big), self.text("7/1", big))
            self.assertNotEqual(self.text("7/1", big), self.text("7/2", big))

    def test_every_server_has_small_blocks_and_some_have_big_ones(self):
        names = list(SERVERS)
        plans = [plan(number, names) for number in range(4 * BIG_EVERY)]
        self.assertEqual({server for server, big in plans if not big}, set(names))
        self.assertEqual({server for server, big in plans if big}, set(BIG_SERVERS))
        self.assertGreater(len(blocks(100_000)), len(blocks(50_000)))


class Findings(unittest.TestCase):
    def test_a_finding_tells_what_it_depends_on(self):
        block = Block(None, "1", False, "--seed 1", None)
        block.script = [
            "CREATE TYPE mood AS ENUM ('ok')", "CREATE TABLE t0 (k int)", "CREATE TABLE t1 (k int)", "CREATE TABLE t2 (k int)",
            "INSERT INTO t0 SELECT k FROM t1", "CREATE VIEW v0 AS SELECT k FROM t0", "UPDATE t2 SET k = 1", "CHECKPOINT",
        ]  # fmt: skip
        told = block.told("SELECT * FROM v0", "rows")
        self.assertEqual([s for s in block.script if s + ";" in told], [s for s in block.script if "t2" not in s])


class Again(unittest.TestCase):
    """A server under load once took too long for what it had answered before: that is left out, as anywhere else."""

    def counted(self, after):
        class Sides:
            def ask_nyala(self, _sql):
                return after

        found = []
        block = Block(Sides(), "1", False, "--seed 1", found.append)
        block.answers = [("SELECT 1", True, content(rows("1"), True))]
        block.answers_stay()
        return dict(block.counts), len(found)

    def test_an_answer_that_is_asked_for_again(self):
        self.assertEqual(self.counted(rows("1")), ({EQUAL: 1}, 0))
        self.assertEqual(self.counted(rows("2")), ({DIFFERENT: 1}, 1))
        self.assertEqual(self.counted(error("57014")), ({LEFT_OUT: 1}, 0))
        self.assertEqual(self.counted(error("XX000")), ({DIFFERENT: 1}, 1))


class Values(unittest.TestCase):
    def test_every_type_has_values_and_every_place_a_type(self):
        self.assertEqual(set(TYPES), set(SHORT.values()))
        self.assertEqual(set(TYPES), set(VALUES))
        self.assertEqual(set(TYPES), set(EXPRESSIONS))
        templates = itertools.chain(CONDITIONS, RISKY, *EXPRESSIONS.values())
        made = Changes("1")
        for template in templates:
            text = str(made.filled([template], [], 0))
            self.assertNotIn("{i}", text)


if __name__ == "__main__":
    unittest.main()
