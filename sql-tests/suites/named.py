"""The statements of PostgreSQL's scripts that are known to be answered otherwise, by cause.

A statement is named by its script and by how it begins, blanks apart. One that is named and equal now is told, so that the
list stays true.
"""

import collections
import re

COLUMN_NAMES = "the text of a view has no new names for columns that a join would confuse or that came later"
SIMILAR = "SUBSTRING .. SIMILAR is shown as a call"
STATISTICS = "ANALYZE keeps no histograms"
INDEXES = "hangs on CREATE INDEX, which is refused: what is asked for is counted in pg_class"
SYSTEM_INDEXES = "the indexes of PostgreSQL's own tables are not among the relations"
VECTORS = "ARRAY[]::oidvector is no cast here; PostgreSQL takes it and fails when it shows it"
WINDOW_ORDER = "row_number over an order that the window leaves open decides which rows there are"
SIZE_OF_REGEX = "no limit is reached where PostgreSQL says that the expression is too complex"
MORE_TYPES = "grouping sets over types that PostgreSQL can only hash, or only sort"
DEPENDENCIES = "pg_depend has no rows for columns of generated columns"
FUNCTIONS = "hangs on CREATE FUNCTION, which is refused: a view over its rows depends on the column"
VIEWS_REFUSED = "hangs on views of temporary tables, which are refused: the row is inserted through one"
TEMPORARY_VIEWS = "hangs on views of temporary tables, which are refused: they are counted in pg_class"
UNLOGGED = "hangs on unlogged tables and ALTER SEQUENCE SET UNLOGGED, which are refused: they are listed from pg_class"
ROW_TEXT = "the row of a WITH query as text, q.*::text"
ROW_TYPES = "hangs on columns of row types, which are refused"
UNIQUE_ROWS = "hangs on UNIQUE over a composite type, which is refused: the domain has no stored values"
DOMAIN_ROWS = "hangs on arrays of rows with domains as columns, which are refused: the domain is not in use"
ROW_ARRAYS = "a row is not put in front of an array of rows"
ENUM_ORDER = "pg_enum.enumsortorder is a fraction where PostgreSQL numbers labels anew"
SUBQUERY_ORDER = "the order of a subquery in FROM is not kept for the array that is made of its rows"
EMPTY_ROWS = "the row of a table without columns, expanded to no columns"
ROW_ORDER = "without ORDER BY in the body the rows of a table are numbered in another order"
SHOWN_AS_WRITTEN = "a view that compares rows with a subquery is shown as it was written"
POINTS = "hangs on attributes of type point, which are refused: the types are not dropped together"
TEMPORARY_FUNCTIONS = "hangs on functions in pg_temp, which are refused"
ROW_VALUES = "columns and calls of rows: their types, their names, functions over them"
CONCURRENTLY = "hangs on CREATE UNIQUE INDEX, which is refused: REFRESH .. CONCURRENTLY is 55000 without"
RESTRICTED = "hangs on restrict_nonsystem_relation_kind, which is refused"

# Cause, script, beginnings of statements.
_NAMED = [
    (COLUMN_NAMES, "create_view", ["select pg_get_viewdef('v1a'", "select pg_get_viewdef('v2a'", "select pg_get_viewdef('vv"]),
    (SIMILAR, "create_view", ["select pg_get_viewdef('tt201v'"]),
    (INDEXES, "uuid", ["SELECT count(*) FROM pg_class WHERE relkind='i'"]),
    (SIZE_OF_REGEX, "regex", ["select 'x' ~ repeat('x*y*z*', 1000)"]),
    (VECTORS, "arrays", ["select array[]::oidvector", "select array[]::int2vector"]),
    (STATISTICS, "json", ["select attname, to_json(histogram_bounds)"]),
    (STATISTICS, "jsonb", ["select attname, to_jsonb(histogram_bounds)"]),
    (WINDOW_ORDER, "window", ["SELECT * FROM (SELECT *, count(1) OVER (PARTITION BY depname || '') c1,"]),
    (
        MORE_TYPES,
        "groupingsets",
        ["select count(*) from gstest4 group by rollup(unhashable_col,unsortable_col)", "select array_agg(v order by v) from gstest4 group by grouping sets ((id,unsortable_col),(id))"],
    ),
    (DOMAIN_ROWS, "domain", ["alter domain posint add constraint c1"]),
    (
        UNIQUE_ROWS,
        "domain",
        [
            "alter domain dcomptype add constraint c2",
            "alter domain dcomptypea add constraint c2",
            "select makedcomp(1,2)",
            "select * from makedcomp(1,2) m",
            "select m, m is not null from makedcomp(1,2) m",
        ],
    ),
    (SYSTEM_INDEXES, "sequence", ["CREATE SEQUENCE sequence_testx OWNED BY pg_class_oid_index.oid"]),
    (DEPENDENCIES, "generated", ["SELECT table_name, column_name, dependent_column FROM information_schema.column_column_usage"]),
    (FUNCTIONS, "rangefuncs", ["alter table users drop column moredrop"]),
    (FUNCTIONS, "create_view", ["alter table tt14t drop column f3"]),
    (VIEWS_REFUSED, "with", ["SELECT * from id_alw2"]),
    (TEMPORARY_VIEWS, "create_view", ["SELECT relname FROM pg_class WHERE relname LIKE 'v%'", "SELECT relname FROM pg_class WHERE relname LIKE 'temporal%'"]),
    (UNLOGGED, "identity", ["SELECT relname, relpersistence FROM pg_class"]),
    (ROW_TEXT, "with", ["WITH merge_source_cte AS MATERIALIZED (SELECT 15 a, 'merge_source_cte val' b) MERGE INTO m USING (select * from merge_source_cte)", "SELECT * FROM m where k = 15"]),
    (ROW_TYPES, "rowtypes", ["alter table fullname add column suffix text default"]),
    (ROW_ARRAYS, "arrays", ["SELECT ROW(1,2) || array_agg(x)"]),
    (ENUM_ORDER, "enum", ["SELECT enumlabel, case when enumsortorder > 20"]),
    (SUBQUERY_ORDER, "groupingsets", ["select array(select row(v.a,s1.*) from (select two,four, count(*) from onek group by"]),
    (EMPTY_ROWS, "select", ["SELECT * FROM nocols n, LATERAL (VALUES(n.*)) v"]),
    (ROW_VALUES, "create_view", ["create view tt16v as select * from int8_tbl i, lateral(values(i)) ss", "select * from tt16v"]),
    (
        ROW_VALUES,
        "create_view",
        ["select pg_get_viewdef('tt16v'", "select pg_get_viewdef('tt17v'", "select pg_get_viewdef('tt24v'", "select pg_get_viewdef('tt25v'"],
    ),
    (ROW_VALUES, "rangefuncs", ["with a(b) as (values (row(1,2,3))) select * from a, coalesce(b) as c(", "select * from int8_tbl, coalesce(row(1)) as (a int, b int)"]),
    (
        ROW_VALUES,
        "rowtypes",
        ["select text(fullname) from fullname", "select text(row('Jim', 'Beam'))", "select row_to_json(i) from int8_tbl i(x,y)"],
    ),
    (ROW_ORDER, "rangefuncs", ["select * from rngfunct(1) with ordinality as z(a,b,ord)", "select a,b,ord from rngfunct(1) with ordinality", "SELECT * FROM vw_getrngfunc"]),
    (SHOWN_AS_WRITTEN, "create_view", ["select pg_get_viewdef('tt26v'"]),
    (POINTS, "rowtypes", ["create type testtype3 as (a int, b text)", "create type testtype5 as (a int)"]),
    (TEMPORARY_FUNCTIONS, "window", ["SELECT * FROM pg_temp.f(2)"]),
    (CONCURRENTLY, "matview", ["SELECT * FROM mvtest_tmm"]),
    (RESTRICTED, "create_view", ["select a from tt27v where a > 0", "insert into tt27v values (1)"]),
]


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
