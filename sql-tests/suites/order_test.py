"""The rule of order.py, case by case."""

import unittest

from order import agrees_where_decided, key_columns, order_by, same_rows, select_list, tokens

ROWS = [["a", "1"], ["a", "2"], ["b", "3"]]
TIED = [["a", "2"], ["a", "1"], ["b", "3"]]
LATE = [["b", "3"], ["a", "1"], ["a", "2"]]
NAMES = ["k", "v"]


class Rows(unittest.TestCase):
    def test_without_order_rows_are_a_multiset(self):
        self.assertTrue(same_rows("SELECT k, v FROM t", NAMES, ROWS, LATE))
        self.assertFalse(same_rows("SELECT k, v FROM t", NAMES, ROWS, [*LATE[:2], LATE[1]]))
        self.assertFalse(same_rows("SELECT k, v FROM t", NAMES, ROWS, ROWS[:2]))

    def test_orders_in_parentheses_are_not_the_statements(self):
        for sql in [
            "SELECT * FROM (SELECT * FROM t ORDER BY k) s",
            "SELECT k, rank() OVER (ORDER BY k) FROM t",
            "SELECT 'order by' AS k, v FROM t -- order by k",
        ]:
            self.assertTrue(same_rows(sql, NAMES, ROWS, LATE), sql)

    def test_equal_keys_may_come_in_any_order(self):
        for key in ["k", "1", "k DESC NULLS LAST", 'k COLLATE "C"', "k USING <", "K"]:
            sql = f"SELECT k, v FROM t ORDER BY {key}"
            self.assertTrue(same_rows(sql, NAMES, ROWS, TIED), sql)
            self.assertFalse(same_rows(sql, NAMES, ROWS, LATE), sql)
        self.assertFalse(same_rows("SELECT k, v FROM t ORDER BY k, v", NAMES, ROWS, TIED))

    def test_rows_stay_with_their_keys(self):
        swapped = [["a", "1"], ["a", "3"], ["b", "2"]]
        self.assertFalse(same_rows("SELECT k, v FROM t ORDER BY k", NAMES, ROWS, swapped))

    def test_keys_beside_the_output_compare_in_order(self):
        for sql in [
            "SELECT k, v FROM t ORDER BY w",
            "SELECT k, v FROM t ORDER BY k, w",
            "SELECT k, v FROM t ORDER BY k || v",
            "SELECT w AS k, v FROM t ORDER BY t.k",
            "INSERT INTO t SELECT k, v FROM u ORDER BY k RETURNING v, k",
            "COPY (SELECT k, v FROM t ORDER BY k) TO STDOUT",
        ]:
            names = None if sql.startswith("COPY") else NAMES
            self.assertFalse(same_rows(sql, names, ROWS, TIED), sql)

    def test_copied_lines_without_order_are_a_multiset(self):
        self.assertTrue(same_rows("COPY t TO STDOUT", None, ["1\n", "2\n"], ["2\n", "1\n"]))


class Keys(unittest.TestCase):
    def columns(self, sql, names):
        return key_columns(tokens(sql), names)

    def test_an_expression_is_found_in_the_same_words(self):
        self.assertEqual(self.columns("SELECT a, rank() OVER w FROM t ORDER BY rank() OVER w", ["a", "rank"]), [1])
        self.assertEqual(self.columns("SELECT x+y AS s, a FROM t ORDER BY x + y, a", ["s", "a"]), [0, 1])
        self.assertIsNone(self.columns("SELECT x+y AS s FROM t ORDER BY y + x", ["s"]))

    def test_stars_have_the_columns_between(self):
        self.assertEqual(self.columns("SELECT f(a), * FROM t ORDER BY t.b, f(a)", ["f", "a", "b"]), [2, 0])
        self.assertEqual(self.columns("SELECT *, g(a) FROM t ORDER BY g(a)", ["a", "b", "g"]), [2])
        # Two columns of that name: which is it?
        self.assertIsNone(self.columns("SELECT * FROM t, u ORDER BY t.a", ["a", "a"]))

    def test_set_operations_have_names_and_numbers_only(self):
        self.assertEqual(self.columns("SELECT a FROM t UNION SELECT b FROM u ORDER BY a", ["a"]), [0])
        self.assertIsNone(self.columns("SELECT f(a) AS x FROM t UNION SELECT b FROM u ORDER BY f(a)", ["x"]))

    def test_clauses_end_where_they_end(self):
        self.assertEqual(order_by(tokens("(SELECT a FROM t ORDER BY a, f(b, c) DESC LIMIT 3);")), [["a"], ["f", "(", "b", ",", "c", ")"]])
        self.assertEqual(select_list(tokens("SELECT DISTINCT ON (a, b) a, c FROM t")), [["a"], ["c"]])
        self.assertIsNone(order_by(tokens("WITH q AS (SELECT 1 ORDER BY 1) SELECT * FROM q")))


class Open(unittest.TestCase):
    def test_limits_without_order(self):
        self.assertTrue(agrees_where_decided("SELECT k, v FROM t LIMIT 2", NAMES, ROWS[:2], ROWS[1:]))
        self.assertFalse(agrees_where_decided("SELECT k, v FROM t LIMIT 2", NAMES, ROWS[:2], ROWS[:1]))
        self.assertFalse(agrees_where_decided("SELECT k, v FROM t ORDER BY k LIMIT 2", NAMES, ROWS[:2], ROWS[1:]))

    def test_places_among_equal_rows(self):
        ours, theirs = [["a", "1"], ["a", "2"], ["b", "1"]], [["a", "2"], ["a", "2"], ["b", "1"]]
        for window in ["(ORDER BY k)", "(PARTITION BY k)", "(ORDER BY k RANGE UNBOUNDED PRECEDING)"]:
            self.assertTrue(agrees_where_decided(f"SELECT k, last_value(x) OVER {window} FROM t", NAMES, ours, theirs))
        by_name = "SELECT k, last_value(x) OVER w AS v FROM t WINDOW u AS (), w AS (PARTITION BY k ORDER BY k DESC) ORDER BY k"
        self.assertTrue(agrees_where_decided(by_name, NAMES, ours, theirs))
        self.assertTrue(agrees_where_decided("SELECT k, sum(x) OVER (ORDER BY k ROWS 1 PRECEDING) FROM t", NAMES, ours, theirs))

    def test_what_is_decided_must_agree(self):
        ours, theirs = [["a", "1"], ["b", "2"]], [["a", "2"], ["b", "2"]]
        # No two rows are equal; peers are summed whatever their order; the key is not shown.
        for call in ["last_value(x) OVER (ORDER BY k)", "sum(x) OVER (ORDER BY k)", "last_value(x) OVER (ORDER BY w)"]:
            self.assertFalse(agrees_where_decided(f"SELECT k, {call} FROM t", NAMES, ours, theirs), call)
        sql = "SELECT k, lag(x) OVER (ORDER BY k) FROM t"
        self.assertFalse(agrees_where_decided(sql, NAMES, [["a", "1"], ["a", "2"]], [["a", "1"], ["c", "2"]]))
        self.assertFalse(agrees_where_decided("SELECT k, sum(x) OVER (ORDER BY k) FROM t", NAMES, TIED, ROWS[:1] * 3))


if __name__ == "__main__":
    unittest.main()
