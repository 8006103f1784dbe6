"""Types, edge values and typed expressions that random statements are made of.

Every expression has one value whatever the plan is and raises no error: nothing overflows or is divided by zero. No two values
are equal and look different, such as 1 and 1.0, a month and 30 days, or 0 and -0. Those of RISKY raise errors for some values.
"""

# How templates name the types.
SHORT = {
    "i2": "smallint", "i": "int", "i8": "bigint", "n": "numeric", "d": "numeric(8,2)", "f": "float8", "t": "text",
    "v": "varchar(5)", "bool": "bool", "date": "date", "ts": "timestamp", "tz": "timestamptz", "time": "time",
    "iv": "interval", "ia": "int[]", "ta": "text[]", "j": "jsonb", "u": "uuid", "by": "bytea", "m": "mood",
}  # fmt: skip
INTEGERS = ["smallint", "int", "bigint"]
# The common ones meet more often.
COMMON = ["smallint", "int", "int", "bigint", "numeric", "numeric(8,2)", "float8", "text", "text", "varchar(5)", "bool", "date"]
TYPES = COMMON + ["timestamp", "timestamptz", "time", "interval", "int[]", "text[]", "jsonb", "uuid", "bytea", "mood"]
LABELS = ["sad", "ok", "happy"]
# Those without min and max.
NO_EXTREMES = {"bool", "uuid", "jsonb", "bytea", "varchar(5)"}

# The first four are taken most.
VALUES = {
    "smallint": ["0", "1", "2", "3", "-1", "7", "32767", "-32768"],
    "int": ["0", "1", "2", "3", "-1", "7", "2147483647", "-2147483648"],
    "bigint": ["0", "1", "2", "3", "-1", "7", "9223372036854775807", "-9223372036854775808"],
    "numeric": ["0", "1", "2.5", "-1", "3", "0.1", "12345678901234567890.5", "'NaN'"],
    "numeric(8,2)": ["0", "1", "2.50", "-1", "3", "0.1", "99999.99"],
    "float8": ["0", "1", "2.5", "-1", "3", "-1e-5", "1e10", "'NaN'", "'Infinity'"],
    "text": ["''", "'a'", "'ab'", "'b'", "'B'", "'a%'", "'é'", "'1'", "'a '", "'2000-01-01'", "'true'"],
    "varchar(5)": ["''", "'a'", "'ab'", "'b'", "'B'", "'abcde'", "'a '"],
    "bool": ["true", "false"],
    "date": ["'2000-01-01'", "'2000-02-29'", "'1999-12-31'", "'infinity'", "'0001-01-01 BC'"],
    "timestamp": ["'2000-01-01'", "'2000-01-01 00:00:00.000001'", "'1999-12-31 23:59:59'", "'-infinity'", "'2000-02-29'"],
    "timestamptz": ["'2000-01-01 UTC'", "'1999-12-31 23:59:59.5 UTC'", "'2000-02-29 12:00 UTC'", "'infinity'", "'1900-01-01 UTC'"],
    "time": ["'00:00'", "'12:30'", "'23:59:59.999999'", "'24:00'"],
    "interval": ["'0'", "'1 mon'", "'30 days 1 sec'", "'719:00:00'", "'-1 day'", "'1 year 2 days 3.5 secs'"],
    "int[]": ["'{}'", "'{1,2}'", "'{1,NULL,3}'", "'{2}'", "'{0,1,2,3}'"],
    "text[]": ["'{}'", "'{a,b}'", "'{a,NULL}'", "'{\"\"}'", "'{b,\"a b\"}'"],
    "jsonb": ["'{}'", "'{\"a\": 1}'", "'[1, \"a\", null]'", "'{\"a\": {\"b\": [1, 2]}, \"c\": null}'", "'[]'", "'[{\"a\": 2}, 3]'"],
    "uuid": ["'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'12345678-1234-1234-1234-123456789abc'"],
    "bytea": ["''", "'\\x00'", "'\\xff01'", "'abc'"],
    "mood": ["'sad'", "'ok'", "'happy'"],
}  # fmt: skip

# By the type of their value. `{i}`: an expression of that type.
EXPRESSIONS = {
    "smallint": ["({i} % 100)::smallint", "({i2} & 7::smallint)", "({i2} / 2::smallint)", "({i2} % 10::smallint)"],
    "int": [
        "length({t})", "({i2})::int", "char_length({v})", "octet_length({t})", "ascii({t})", "strpos({t}, {t})",
        "position({v} in {t})", "({bool})::int", "cardinality({ia})", "array_length({ia}, 1)", "array_position({ia}, {i})",
        "({ia})[1]", "({ia})[2]", "({i} % 7) + ({i2})", "({i} % 1000) * ({i2} % 10)", "({i} / 3)", "-({i} % 100)",
        "abs({i} % 10)", "({i} & {i})", "({i} | {i2}::int)", "({i} # {i})", "(~ {i})", "({i} >> 2)", "({i} << 3)",
        "mod({i}, 7)", "gcd({i}, 6)", "num_nulls({i}, {t})", "num_nonnulls({date}, {t}, {n})", "length({by})",
        "width_bucket({i}, ARRAY[-1, 2, 7])", "regexp_count({t}, 'a')", "regexp_instr({t}, 'b')", "scale({d})",
        "jsonb_array_length(jsonb_build_array({i}, {t}))", "array_upper({ta}, 1)", "array_ndims({ia})",
        "(CASE {i} WHEN 1 THEN {i} WHEN 2 THEN 20 END)", "sign({i})::int", "bit_length({t})", "({f} > 1)::int",
    ],
    "bigint": [
        "({i})::bigint", "abs({i} % 5)::bigint", "({i}::bigint * {i2})", "({i}::bigint + {i})", "({i}::bigint - {i})",
        "({i8} % 1000)", "({i8} / 7)", "({i8} & {i8})", "(~ {i8})", "({i8} >> 3)", "bit_count({by})", "length({t})::bigint",
    ],
    "numeric": [
        "trim_scale({d} + {d})", "trim_scale({d} - {d})", "trim_scale({d} * {d})", "({i})::numeric", "trim_scale(round({n}, 1))",
        "trim_scale({d} / 4)", "trim_scale({d} / 3)", "trim_scale(({i})::numeric / 7)", "trim_scale(trunc({d}, 1))",
        "floor({n})", "ceil({d})", "sign({n})", "abs({n})", "(- {n})", "trim_scale({d} % 7)", "trim_scale(mod({d}, 2.5))",
        "trim_scale(sqrt(abs({d})))", "trim_scale(div({d}, 3))", "extract(year from {date})", "extract(month from {ts})",
        "trim_scale(extract(epoch from {iv}))", "extract(dow from {date})", "extract(hour from {time})", "({i8})::numeric",
        "trim_scale(ln(abs({d}) + 1))", "trim_scale(({n})::numeric)", "trim_scale({n} + {i})", "factorial(abs({i} % 6))",
    ],
    "numeric(8,2)": ["(({d}) / 10)::numeric(8,2)", "({i} % 1000)::numeric(8,2)", "round({d} / 7, 2)::numeric(8,2)"],
    "float8": [
        "({i})::float8", "abs({f})", "({f} + 1)", "({f} * 2)", "(({i} % 10)::float8 / 4)", "sqrt(abs({f}))", "floor({f})",
        "date_part('hour', {time})", "({d})::float8", "({i2} / 2.5::float8)", "({f} - {f})",
    ],
    "text": [
        "upper({t})", "lower({t})", "initcap({t})", "({t} || {v})", "({i})::text", "({date})::text", "({bool})::text", "({d})::text",
        "({iv})::text", "({ts})::text", "({tz})::text", "({time})::text", "({ia})::text", "({ta})::text", "({j})::text",
        "({u})::text", "({by})::text", "({m})::text", "({f})::text", "({n})::text", "({v})::text", "substr({t}, 2)",
        "substring({t} from 1 for 2)", "left({t}, 1)", "right({t}, 2)", "reverse({t})", "repeat({t}, 2)", "lpad({t}, 4, 'x')",
        "rpad({t}, 3)", "ltrim({t})", "rtrim({v})", "btrim({t}, 'a')", "replace({t}, 'a', 'bb')", "translate({t}, 'ab', 'xy')",
        "split_part({t}, 'a', 1)", "concat({i}, {t}, {bool})", "concat_ws(',', {t}, {i})", "format('%s-%s', {t}, {i})",
        "quote_literal({t})", "quote_nullable({t})", "quote_ident({t})", "md5({t})", "overlay({t} placing 'zz' from 1 for 1)",
        "regexp_replace({t}, 'a', 'X', 'g')", "array_to_string({ia}, ',')", "array_to_string({ta}, ',', '*')",
        "to_char({date}, 'YYYY-MM-DD')", "to_char({ts}, 'HH24:MI:SS Day')", "to_char({i}, '999G999')", "to_char({d}, 'FM99990.00')",
        "encode({by}, 'hex')", "encode({by}, 'base64')", "({j} ->> 'a')", "({j} ->> 0)", "({j} #>> '{a,b}')", "jsonb_typeof({j})",
        "to_hex({i})", "chr(65 + abs({i} % 26))", "({ta})[1]", "(CASE {i} WHEN 1 THEN 'one' WHEN 2 THEN {t} ELSE 'x' END)",
        "justify_interval({iv})::text", "to_char({iv}, 'MM DD HH24')",
        "pg_typeof({d})::text", "substring({t} from '[a-z]+')", "(regexp_match({t}, 'a.'))[1]", "({i} || {t})", "({t} || {i})",
        "to_json({t})::text", "jsonb_pretty({j})", "left({v}, -1)", "array_dims({ia})", "concat({ta}, {date})",
    ],
    "varchar(5)": ["({t})::varchar(5)", "({i})::varchar(5)", "lower({v})::varchar(5)"],
    "date": ["({ts})::date", "({date} + ({i2} % 100))", "({date} - 30)", "make_date(2000 + abs({i} % 10), 1 + abs({i} % 12), 5)"],
    "timestamp": [
        "({date})::timestamp", "({ts} + interval '1 day')", "({ts} + {iv})", "date_trunc('month', {ts})", "({date} + {time})",
        "({tz} AT TIME ZONE 'UTC')", "({date} + {iv})", "date_trunc('year', {date}::timestamp)", "({ts} - {iv})",
    ],
    "timestamptz": [
        "({ts} AT TIME ZONE 'UTC')", "({ts})::timestamptz", "({tz} + {iv})", "date_trunc('day', {tz})", "({date})::timestamptz",
    ],
    "time": ["({ts})::time", "({time} + interval '90 min')", "({tz})::time"],
    "interval": ["({iv} + {iv})", "({iv} * 2)", "(- {iv})", "({iv} - {iv})", "make_interval(days => {i} % 10)", "({time} - {time})"],
    "int[]": [
        "ARRAY[{i}, {i}]", "({ia} || {i})", "array_prepend({i}, {ia})", "array_cat({ia}, {ia})", "array_remove({ia}, {i})",
        "array_replace({ia}, 1, {i})", "({ia})[1:2]", "({ia})[2:]", "array_positions({ia}, {i})", "ARRAY[{i2}::int, {i}, NULL]",
    ],
    "text[]": ["ARRAY[{t}, {v}]", "string_to_array({t}, 'a')", "regexp_split_to_array({t}, 'a')", "({ta} || {t})", "({ta})[1:1]"],
    "jsonb": [
        "jsonb_build_object('a', {i}, 'b', {t})", "jsonb_build_array({i}, {t}, {bool})", "to_jsonb({i})", "to_jsonb({t})",
        "to_jsonb({bool})", "to_jsonb({ia})", "({j} -> 'a')", "({j} -> 0)", "({j} #> '{a,b}')", "jsonb_strip_nulls({j})",
        "jsonb_set(jsonb_build_object('a', {i}), '{a}', {j})", "jsonb_path_query_first({j}, '$.a')", "({j} || {j})",
        "jsonb_object(ARRAY['a', 'b'], ARRAY[{t}, 'x'])", "(jsonb_build_object('a', {i}, 'b', {date}) - 'a')", "to_jsonb({date})",
    ],
    "bytea": ["({by} || {by})", "decode(md5({t}), 'hex')", "substr({by}, 1, 1)", "sha256({by})", "convert_to({t}, 'UTF8')"],
    "uuid": ["(md5({t}))::uuid"],
    "mood": ["(CASE WHEN {bool} THEN 'sad' ELSE 'ok' END)::mood"],
    "bool": [],
}  # fmt: skip

CONDITIONS = [
    "{t} LIKE 'a%'", "{t} ILIKE '%B'", "{t} NOT LIKE '_'", "{t} SIMILAR TO '(a|b)%'", "{t} ~ '^a'", "{t} ~* 'B'", "{t} !~ 'b$'",
    "starts_with({t}, 'a')", "{ia} @> {ia}", "{ia} && {ia}", "{i} = ANY ({ia})", "{i} <> ALL ({ia})", "{j} ? 'a'", "{j} @> {j}",
    "{j} ->> 'a' = '1'", "isfinite({date})", "({i}, {t}) = ({i}, {t})", "({i}, {t}) < ({i}, {t})", "({i}, {i}) >= ({i}, {i})",
    "({i}, {t}) IN (({i}, {t}), ({i}, {t}))", "({i}, {t}) IS DISTINCT FROM ({i}, {t})", "ROW({i}, {t}) IS NULL",
    "ROW({i}, {t}) IS NOT NULL", "{bool} = {bool}", "{i} BETWEEN SYMMETRIC {i} AND {i}", "{t} IN ('a', NULL)", "{i} NOT IN (1, NULL)",
    "{m} > 'sad'", "{i2} = {i8}", "{i} < {n}", "{d} >= {f}", "{i} <> {f}", "{date} < {ts}", "{date} = {tz}", "{ts} < {tz}",
    "{t} = {v}", "num_nulls({i}, {t}) = 1", "{i} = ANY (ARRAY[{i}, {i}])", "{t} = ANY ({ta})", "{i} IN (1, 2, 3)", "{i} > 1",
    "{i} = 1", "{t} = 'a'", "{date} = '2000-01-01'", "{ts} >= '2000-01-01'", "{n} = 2.5", "{i8} < 3", "{t} >= 'a' AND {t} < 'b'",
    "{i} BETWEEN 1 AND 3", "{i2} + 1 = 2", "{v} LIKE '%b%'", "{j} = {j}", "{ia} = {ia}", "{u} < {u}",
    "{by} <= {by}", "{f} = 'NaN'", "{iv} > '1 day'", "{time} < '12:30'", "{j} @? '$.a'", "{t} LIKE {t} || '%'", "{i} IN ({i}, {i8})",
    "{t} ^@ 'a'", "NOT {bool}", "{t} <> '' AND {i} = 2", "{d} IN (1, 2.5)", "{i} IS NULL OR {i} > {i2}", "{ta} <@ {ta}",
]  # fmt: skip

# Of columns only: PostgreSQL computes constants before it sees whether a row asks for them.
RISKY = [
    "{i} + {i}", "{i} * {i}", "{i2} - {i2}", "{i2} * {i2}", "{i8} + {i8}", "{i8} * {i}", "{i} / {i}", "{i} % {i}", "{i8} / {i2}",
    "- {i}", "abs({i2})", "abs({i8})", "{d} / {d}", "{n} / {i}", "{f} / {f}", "{i}::smallint", "{i8}::int", "{n}::int", "{f}::int",
    "{f}::smallint", "{n}::bigint", "{n}::numeric(8,2)", "{f}::numeric(8,2)", "{t}::int", "{t}::bool", "{t}::date", "{t}::numeric",
    "{t}::float8", "{v}::smallint", "{t}::interval", "{t}::mood", "{t}::jsonb", "{t}::int[]", "{t}::uuid", "{t}::bytea", "sqrt({f})",
    "ln({f})", "ln({n})", "log({d})", "power({f}, {f})", "exp({f})", "chr({i})", "substr({t}, 1, {i})", "{date} - {date}", "{ts} - {ts}",
    "{iv} / {i}", "{iv} * {f}", "{j} - 'a'", "jsonb_array_length({j})", "({j} -> 'a')::int", "{i} << {i}", "gcd({i}, {i})", "lcm({i}, {i})",
    "{date} + {i}", "{date}::timestamp + {iv} * {i2}", "repeat({t}, {i2})", "lpad({t}, {i2})", "to_date({t}, 'YYYY-MM-DD')", "{t}::time",
    "age({ts}, {ts})", "make_date({i}, {i}, {i})", "make_time({i}, {i}, {f})", "split_part({t}, 'a', {i})", "overlay({t} placing 'x' from {i})",
    "{t}::timestamptz", "width_bucket({f}, 0, 10, {i})", "round({d}, {i})", "factorial({i8})", "get_byte({by}, {i})", "array_fill({i}, ARRAY[{i2} % 20])",
    "trunc({n}, {i2})", "decode({t}, 'hex')", "acos({f})", "mod({n}, {d})", "div({n}, {n})", "to_char({f}, '999')", "{i}::bool", "{t}::char(3)",
    "jsonb_set({j}, '{a}', {j})", "extract(year from {date})::int", "date_part('epoch', {ts})", "{j}::int", "{ia} || {ia}", "trim_array({ia}, {i})",
]  # fmt: skip
