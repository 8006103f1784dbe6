CREATE TABLE t (a int4 PRIMARY KEY, b text, c numeric(15,2), d date, ts timestamp, tz timestamptz, f float8, s int2, big int8, flag bool, v varchar(10), n numeric, r float4, u uuid);
CREATE TABLE t2 (a int8, x text, y int4[], z interval);
CREATE TABLE "Mixed" ("Col" int4, col text);
-- statements
SELECT 1;
SELECT 1, 1.5, 'a', NULL, true, 3000000000, 1e5, -5, -2147483648, -2^2;
SELECT a, b AS "B", t.c, t.* FROM t;
SELECT * FROM t, t2;
SELECT a FROM t, t2;
SELECT t.nosuch FROM t;
SELECT bb FROM t;
SELECT nosuchcolumn FROM t;
SELECT t3.a FROM t;
SELECT t.a FROM t AS q;
SELECT * FROM nosuch;
SELECT * FROM nos.t;
SELECT * FROM t, t;
SELECT "Col", col FROM "Mixed";
SELECT * FROM Mixed;
SELECT a + b FROM t;
SELECT a + 1.5, a + big, s + s, c + 1, c * c, c / 2, f + c, a / 2, a % 3, s * big FROM t;
SELECT -b FROM t;
SELECT d + 1, d - d, d + interval '1 day', ts - ts, ts + interval '1 year', d < ts, tz > '2020-01-01', interval '1' month * 2 FROM t;
SELECT b || a, b || 'x', 'x' || 'y', a || 'z' FROM t;
SELECT 1 + 'x';
SELECT 'x' + 'y';
SELECT a = '5', b = 'x', d = '2020-01-01', flag = 't' FROM t;
SELECT a = 'x' FROM t;
SELECT d = '2020-13-01' FROM t;
SELECT foo(1);
SELECT lower(1);
SELECT lower('A'), upper(b), length(b), abs(a), abs(c), round(c, 1), round(f), floor(f), ceil(n), sqrt(2), power(2, 3), mod(a, 2) FROM t;
SELECT substring(b from 2 for 3), substring(b, 2), position('a' in b), trim(b), trim(leading 'x' from b), overlay(b placing 'z' from 1), extract(year from d), extract(epoch from ts), substr(b, 1, 2) FROM t;
SELECT coalesce(a, 1), coalesce(c, 0), coalesce(NULL, b), nullif(a, 1), greatest(a, big), least(1, 2.5), coalesce(a, 'x') FROM t;
SELECT coalesce(a, b) FROM t;
SELECT CASE WHEN a > 1 THEN 'x' ELSE b END, CASE a WHEN 1 THEN 1 WHEN 2 THEN 2.5 END, CASE WHEN flag THEN a ELSE big END FROM t;
SELECT CASE WHEN a THEN 1 END FROM t;
SELECT CASE WHEN flag THEN a ELSE d END FROM t;
SELECT a FROM t WHERE b;
SELECT a FROM t WHERE a AND flag;
SELECT NOT a FROM t;
SELECT a IN (1, 2, 3), a IN (1, 2.5), b IN ('x', 'y'), a NOT IN (1), a IN (big, 1) FROM t;
SELECT a IN ('x') FROM t;
SELECT a IN (SELECT a FROM t2), a = ANY (SELECT a FROM t2), (SELECT max(x) FROM t2), EXISTS (SELECT 1), ARRAY(SELECT a FROM t) FROM t;
SELECT a IN (SELECT a, x FROM t2) FROM t;
SELECT (SELECT a, x FROM t2) FROM t;
SELECT b IN (SELECT a FROM t2) FROM t;
SELECT a BETWEEN 1 AND 10, b LIKE 'x%', b NOT LIKE 'y', b ILIKE 'z', b SIMILAR TO 'q', b ~ 'r', b !~* 's', b LIKE 'a' ESCAPE '!' FROM t;
SELECT a LIKE 'x' FROM t;
SELECT a IS NULL, flag IS TRUE, a IS DISTINCT FROM 1, b IS NOT DISTINCT FROM 'x' FROM t;
SELECT a IS TRUE FROM t;
SELECT a::text, b::int4, c::int4, '5'::int8, '2020-01-01'::date, a::numeric(10,2), b::varchar(3), CAST(a AS float8), c::numeric, d::timestamp, 'x'::char(3), 't'::bool FROM t;
SELECT a::date FROM t;
SELECT 'x'::int4;
SELECT '5'::nosuchtype;
SELECT date '2020-01-01', timestamp '2020-01-01 10:00', interval '1 day', interval '3' month, date '1998-12-01' - interval '90' day, timestamptz '2020-01-01';
SELECT date 'x';
SELECT ARRAY[1, 2], ARRAY['a', 'b'], ARRAY[1, 2.5], (ARRAY[1,2])[1], y[1], a = ANY(y), a = ANY('{1,2}'), b = ANY(ARRAY['x']), x <> ALL('{a}'::text[]) FROM t CROSS JOIN t2 AS t2(ax, x, y, z);
SELECT ARRAY[];
SELECT ARRAY[]::int4[];
SELECT a = ANY(a) FROM t;
SELECT current_date, current_timestamp, now(), localtimestamp, current_user, current_schema(), session_user, current_catalog, version();
SELECT ts AT TIME ZONE 'UTC', tz AT TIME ZONE 'UTC', date_trunc('day', ts), date_part('year', d), to_char(ts, 'YYYY'), age(ts) FROM t;
SELECT b COLLATE "C", b COLLATE "default" FROM t;
SELECT b COLLATE "xx" FROM t;
SELECT 'pg_class'::regclass, 't'::regclass::oid, 'int4'::regtype, 'nosuch'::regclass;
SELECT 'pg_class'::regclass, 't'::regclass::oid, 'int4'::regtype;
SELECT b OPERATOR(pg_catalog.~) '^x$' FROM t;
SELECT $1;
SELECT $1 + 1, $2::text, $3 = a, $4 || 'x', coalesce($5, 1.5) FROM t;
SELECT a FROM t WHERE a = $1 AND b LIKE $2 LIMIT $3;
SELECT $1 = $1;
SELECT $1 + $2;
SELECT count(*), sum(a), sum(big), sum(c), avg(a), avg(f), min(b), max(d), sum(s), sum(f), sum(r), count(DISTINCT b), bool_and(flag), string_agg(b, ',' ORDER BY b), array_agg(a), stddev(c), count(*) FILTER (WHERE a > 1) FROM t;
SELECT a, count(*) FROM t;
SELECT b, count(*) FROM t GROUP BY b;
SELECT b, c FROM t GROUP BY b;
SELECT a, b, c FROM t GROUP BY a;
SELECT lower(b), count(*) FROM t GROUP BY lower(b) HAVING count(*) > 1 ORDER BY count(*) DESC, lower(b);
SELECT lower(b) AS q, count(*) FROM t GROUP BY q ORDER BY q;
SELECT b, sum(a) FROM t GROUP BY 1 ORDER BY 2;
SELECT b FROM t GROUP BY 3;
SELECT sum(a) FROM t GROUP BY 1;
SELECT b FROM t GROUP BY 'x';
SELECT a FROM t WHERE sum(a) > 1;
SELECT sum(sum(a)) FROM t;
SELECT a FROM t GROUP BY sum(a);
SELECT a FROM t HAVING a > 1;
SELECT b FROM t GROUP BY b HAVING a > 1;
SELECT b FROM t GROUP BY b ORDER BY a;
SELECT sum(b) FROM t;
SELECT count() FROM t;
SELECT lower(*) FROM t;
SELECT lower(DISTINCT b) FROM t;
SELECT row_number() OVER (ORDER BY a), rank() OVER (PARTITION BY b ORDER BY c DESC), sum(a) OVER w, lag(a) OVER w, lag(b, 2, 'x') OVER w, first_value(c) OVER w, ntile(4) OVER w, sum(c) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t WINDOW w AS (PARTITION BY flag ORDER BY a);
SELECT row_number() FROM t;
SELECT lower(b) OVER () FROM t;
SELECT a FROM t WHERE row_number() OVER () = 1;
SELECT sum(a) OVER nosuch FROM t;
SELECT sum(row_number() OVER ()) FROM t;
SELECT rank() OVER (ORDER BY sum(a)), sum(sum(a)) OVER () FROM t GROUP BY b;
SELECT DISTINCT b FROM t ORDER BY b;
SELECT DISTINCT b FROM t ORDER BY a;
SELECT a FROM t ORDER BY 2;
SELECT a AS x, b AS x FROM t ORDER BY x;
SELECT a FROM t ORDER BY b || 'x', c DESC NULLS LAST LIMIT 10 OFFSET 5;
SELECT a FROM t LIMIT 'x';
SELECT a FROM t LIMIT b;
SELECT a FROM t FETCH FIRST 3 ROWS ONLY;
SELECT 1 UNION SELECT 2.5;
SELECT 1 UNION ALL SELECT 'x';
SELECT NULL UNION SELECT 1;
SELECT 'a' UNION SELECT 'b' ORDER BY 1;
SELECT a FROM t UNION SELECT b FROM t;
SELECT a, b FROM t EXCEPT SELECT a FROM t;
SELECT c FROM t INTERSECT SELECT a FROM t2;
SELECT a FROM t UNION SELECT a FROM t2 ORDER BY a + 1;
SELECT a FROM t UNION SELECT a FROM t2 ORDER BY nosuch;
VALUES (1, 'a'), (2, 'b');
VALUES (1), (2.5), (NULL);
VALUES (1), (2, 3);
VALUES (1), ('x');
SELECT * FROM (VALUES (1, 'a')) AS v(p, q);
SELECT * FROM (VALUES (1, 'a')) AS v(p, q, r);
SELECT * FROM (SELECT a, b FROM t);
SELECT * FROM (SELECT a, b AS bb FROM t) AS q WHERE q.bb = 'x';
SELECT * FROM t JOIN t2 USING (a);
SELECT * FROM t FULL JOIN t2 USING (a);
SELECT a, t.a, t2.a FROM t LEFT JOIN t2 USING (a);
SELECT * FROM t NATURAL JOIN t2;
SELECT * FROM t JOIN t2 USING (b);
SELECT * FROM t JOIN t2 ON t.a = t2.a AND b;
SELECT * FROM t JOIN t2 ON t.a = t2.nosuch;
SELECT j.a FROM (t JOIN t2 USING (a)) AS j;
SELECT * FROM t, LATERAL (SELECT x FROM t2 WHERE t2.a = t.a) AS l;
SELECT * FROM t, (SELECT x FROM t2 WHERE t2.a = t.a) AS l;
SELECT a FROM t WHERE EXISTS (SELECT 1 FROM t2 WHERE t2.a = t.a AND x = b);
SELECT b, (SELECT max(x) FROM t2 WHERE t2.a = t.a) FROM t GROUP BY b;
WITH q AS (SELECT a, b FROM t) SELECT * FROM q;
WITH q(z) AS (SELECT a, b FROM t), p AS (SELECT z FROM q) SELECT p.z, q.b FROM p JOIN q ON p.z = q.z;
WITH q AS (SELECT 1), q AS (SELECT 2) SELECT * FROM q;
SELECT * FROM generate_series(1, 3);
SELECT g, h.i FROM generate_series(1, 3) AS g, generate_series(1::int8, 2) AS h(i);
SELECT * FROM unnest(ARRAY[1, 2]) AS u(e);
SELECT e FROM t2, unnest(y) AS e;
SELECT * FROM nosuchfunction(1);
SELECT relname, relkind, oid FROM pg_class WHERE relname = 'x';
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','') AND n.nspname !~ '^pg_toast';
SELECT table_name, column_name, ordinal_position FROM information_schema.columns WHERE table_schema = 'public';
SELECT pg_table_is_visible(oid), pg_get_userbyid(relowner), oid::regclass, relname::text, 'x' = relkind FROM pg_class;
SELECT count(*) AS n FROM t AS q WHERE q.a > (SELECT avg(t2.a) FROM t2);
SELECT sum(CASE WHEN flag THEN c ELSE 0 END) / sum(c) FROM t;
SELECT 100.00 * sum(c * (1 - c)), c * 2, 1 - c FROM t GROUP BY c;
SELECT float8 '1.5', int4 '5', text 'x', text(5), int8(a), float8(a) FROM t;
SELECT u = '00000000-0000-0000-0000-000000000000', r = 1.5, f = 1, c = f, n = c FROM t;
SELECT a < b FROM t;
SELECT tz - tz, tz + interval '1 hour', d + time '10:00' FROM t;
SELECT concat(a, b, 1), concat_ws(',', a, b), format('%s', a), replace(b, 'x', 'y'), split_part(b, ',', 1), left(b, 2), repeat(b, 3), strpos(b, 'x'), btrim(b), md5(b), chr(65), ascii(b) FROM t;
SELECT * ;
SELECT t FROM t;
SELECT a.b.c.d.e FROM t;
SELECT nosuchdb.public.t.a FROM t;
SELECT public.t.a FROM public.t;
SELECT all_columns.* FROM t;
SELECT interval '1 day' AS i, interval '1' year + d FROM t;
SELECT 1 AS one, 1 AS one;
SELECT 'x' LIKE 'y', 'a' = 'b', 1 = 1.0, NULL = 1, NULL = NULL;
SELECT + a, - c, ~ a, @ c, a # 3, a & 1, a | 2, a << 1 FROM t;
SELECT exists(SELECT 1), array(SELECT 1), (SELECT 5 AS q), (1), ('x'), a::int4, upper(b)::varchar(5), CASE WHEN true THEN a END FROM t;
SELECT length(1.5);
SELECT max(a, b) FROM t;
SELECT sum(DISTINCT a ORDER BY b) FROM t;
SELECT 99999999999999999999, 0.00000000000000000000000000000000000000000001, 1.5e300;
SELECT '1.5'::numeric(10,1), ' 12 '::int4, 1.25::numeric(3,1);
SELECT a FROM t WHERE $1 IS NULL OR a = $1;
SELECT b FROM t GROUP BY b, date '2020-01-01';
SELECT a FROM t ORDER BY -1;
SELECT a FROM t ORDER BY 'x';
SELECT CASE WHEN flag THEN c END, coalesce(c, NULL), coalesce(c, c) FROM t;
SELECT c FROM t UNION SELECT NULL;
SELECT v FROM t UNION ALL SELECT v FROM t;
SELECT oid, relname FROM pg_class WHERE oid = 1259 AND relnamespace = 11 AND oid = '16384' AND relname = 'x'::text;
SELECT lag(c, 1, 0) OVER (ORDER BY a), lead(a, 1, 2.5) OVER (ORDER BY a) FROM t;
SELECT * FROM pg_get_keywords() LIMIT 1;
SELECT (SELECT count(*) FROM t2 WHERE t2.a = t.a) FROM t ORDER BY 1 DESC NULLS FIRST;
SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) AS rn FROM t ORDER BY rn, a;
SELECT sum(a) FROM t HAVING sum(a) > 0 ORDER BY sum(a) + 1;
SELECT DISTINCT a, b FROM t ORDER BY b, 1;
SELECT 'abc'::varchar(2), 'abc'::char(2), 123.456::numeric(5,2), 12345.6::numeric(5,2);
SELECT round(1.5), round(2.567, 2), trunc(a::numeric, 1), mod(7, 2), 7 % 2, 7.5 % 2, 5 / 2, 5 / 2.0 FROM t;
SELECT greatest(a, b) FROM t;
SELECT a FROM t WHERE a IN (SELECT a FROM t2 WHERE t2.x = t.b) OR NOT EXISTS (SELECT 1 FROM t2);
SELECT * FROM t AS a(q, w) WHERE q = 1;
SELECT x.* FROM t AS y;
SELECT sum(c) FILTER (WHERE b), count(*) FROM t;
SELECT pg_typeof(a), pg_typeof('x'), quote_ident(b), array_length(ARRAY[1], 1), array_to_string(y, ',') FROM t, t2;
SELECT a FROM t WHERE (a, b) = (1, 'x');
SELECT interval '1-2' year to month, interval '1 2:03' day to minute, interval '5' second;
SELECT ts::date, tz::date, ts::timestamptz, d::timestamptz, ts - d, d - ts, tz - ts FROM t;
SELECT ts BETWEEN '2020-01-01' AND '2020-12-31', d BETWEEN '2020-01-01' AND ts FROM t;
SELECT to_date(b, 'YYYY'), to_timestamp(a), make_date(2020, 1, 1), date_bin('1 day', ts, ts), justify_days(z) FROM t, t2;
SELECT max(a) + min(big), count(a) * 1.5, avg(a) / 2, sum(a) / count(*) FROM t;
SELECT gen_random_uuid(), random(), pi(), pg_backend_pid(), txid_current(), current_setting('x'), pg_size_pretty(5::int8);
SELECT b = v, v || b, v LIKE 'x', v = 'x', length(v), upper(v), v::text, lower(v) FROM t;
SELECT coalesce(v, 'x'), coalesce(v, b), nullif(v, 'x'), CASE WHEN flag THEN v ELSE 'y' END FROM t;
SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;
SELECT n.nspname AS "Name",
  pg_catalog.pg_get_userbyid(n.nspowner) AS "Owner"
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1;
SELECT d.datname as "Name",
       pg_catalog.pg_get_userbyid(d.datdba) as "Owner",
       pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding",
       d.datcollate as "Collate",
       d.datctype as "Ctype",
       d.daticulocale as "ICU Locale",
       CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END AS "Locale Provider",
       pg_catalog.array_to_string(d.datacl, E'\n') AS "Access privileges"
FROM pg_catalog.pg_database d
ORDER BY 1;
SELECT c.oid,
  n.nspname,
  c.relname
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 2, 3;
SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, '', c.reltablespace, CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname
FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid)
LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid)
WHERE c.oid = '16389';
SELECT a.attname,
  pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)
   FROM pg_catalog.pg_attrdef d
   WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
  a.attnotnull,
  (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t
   WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation,
  a.attidentity,
  a.attgenerated
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = '16389' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true),
  pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred, i.indisreplident, c2.reltablespace
FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i
  LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x'))
WHERE c.oid = '16389' AND c.oid = i.indrelid AND i.indexrelid = c2.oid
ORDER BY i.indisprimary DESC, c2.relname;
SELECT pol.polname, pol.polpermissive,
  CASE WHEN pol.polroles = '{0}' THEN NULL ELSE pg_catalog.array_to_string(array(select rolname from pg_catalog.pg_roles where oid = any (pol.polroles) order by 1),',') END,
  pg_catalog.pg_get_expr(pol.polqual, pol.polrelid),
  pg_catalog.pg_get_expr(pol.polwithcheck, pol.polrelid),
  CASE pol.polcmd
    WHEN 'r' THEN 'SELECT'
    WHEN 'a' THEN 'INSERT'
    WHEN 'w' THEN 'UPDATE'
    WHEN 'd' THEN 'DELETE'
    END AS cmd
FROM pg_catalog.pg_policy pol
WHERE pol.polrelid = '16389' ORDER BY 1;
SELECT oid, stxrelid::pg_catalog.regclass, stxnamespace::pg_catalog.regnamespace::pg_catalog.text AS nsp, stxname,
pg_catalog.pg_get_statisticsobjdef_columns(oid) AS columns,
  'd' = any(stxkind) AS ndist_enabled,
  'f' = any(stxkind) AS deps_enabled,
  'm' = any(stxkind) AS mcv_enabled,
stxstattarget
FROM pg_catalog.pg_statistic_ext
WHERE stxrelid = '16389'
ORDER BY nsp, stxname;
SELECT pubname
     , NULL
     , NULL
FROM pg_catalog.pg_publication p
     JOIN pg_catalog.pg_publication_namespace pn ON p.oid = pn.pnpubid
     JOIN pg_catalog.pg_class pc ON pc.relnamespace = pn.pnnspid
WHERE pc.oid ='16389' and pg_catalog.pg_relation_is_publishable('16389')
UNION
SELECT pubname
     , pg_get_expr(pr.prqual, c.oid)
     , (CASE WHEN pr.prattrs IS NOT NULL THEN
         (SELECT string_agg(attname, ', ')
           FROM pg_catalog.generate_series(0, pg_catalog.array_upper(pr.prattrs::pg_catalog.int2[], 1)) s,
                pg_catalog.pg_attribute
          WHERE attrelid = pr.prrelid AND attnum = prattrs[s])
        ELSE NULL END) FROM pg_catalog.pg_publication p
     JOIN pg_catalog.pg_publication_rel pr ON p.oid = pr.prpubid
     JOIN pg_catalog.pg_class c ON c.oid = pr.prrelid
WHERE pr.prrelid = '16389'
UNION
SELECT pubname
     , NULL
     , NULL
FROM pg_catalog.pg_publication p
WHERE p.puballtables AND pg_catalog.pg_relation_is_publishable('16389')
ORDER BY 1;
SELECT c.oid::pg_catalog.regclass
FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i
WHERE c.oid = i.inhparent AND i.inhrelid = '16389'
  AND c.relkind != 'p' AND c.relkind != 'I'
ORDER BY inhseqno;
SELECT c.oid::pg_catalog.regclass, c.relkind, inhdetachpending, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i
WHERE c.oid = i.inhrelid AND i.inhparent = '16389'
ORDER BY pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', c.oid::pg_catalog.regclass::pg_catalog.text;
SELECT r.rolname, r.rolsuper, r.rolinherit,
  r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
  r.rolconnlimit, r.rolvaliduntil,
  ARRAY(SELECT b.rolname
        FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid)
        WHERE m.member = r.oid) as memberof
, r.rolreplication
, r.rolbypassrls
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY 1;
SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner",
  c2.relname as "Table"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
     LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     LEFT JOIN pg_catalog.pg_class c2 ON i.indrelid = c2.oid
WHERE c.relkind IN ('i','I','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;
SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;
SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','v','m','S','f','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;
SELECT c.oid,
  n.nspname,
  c.relname
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 2, 3;
SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, pg_catalog.array_to_string(c.reloptions || array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x), ', ')
, c.reltablespace, CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname
FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid)
LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid)
WHERE c.oid = '16389';
SELECT a.attname,
  pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)
   FROM pg_catalog.pg_attrdef d
   WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
  a.attnotnull,
  (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t
   WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation,
  a.attidentity,
  a.attgenerated,
  a.attstorage,
  a.attcompression AS attcompression,
  CASE WHEN a.attstattarget=-1 THEN NULL ELSE a.attstattarget END AS attstattarget,
  pg_catalog.col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = '16389' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true),
  pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred, i.indisreplident, c2.reltablespace
FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i
  LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x'))
WHERE c.oid = '16389' AND c.oid = i.indrelid AND i.indexrelid = c2.oid
ORDER BY i.indisprimary DESC, c2.relname;
SELECT pol.polname, pol.polpermissive,
  CASE WHEN pol.polroles = '{0}' THEN NULL ELSE pg_catalog.array_to_string(array(select rolname from pg_catalog.pg_roles where oid = any (pol.polroles) order by 1),',') END,
  pg_catalog.pg_get_expr(pol.polqual, pol.polrelid),
  pg_catalog.pg_get_expr(pol.polwithcheck, pol.polrelid),
  CASE pol.polcmd
    WHEN 'r' THEN 'SELECT'
    WHEN 'a' THEN 'INSERT'
    WHEN 'w' THEN 'UPDATE'
    WHEN 'd' THEN 'DELETE'
    END AS cmd
FROM pg_catalog.pg_policy pol
WHERE pol.polrelid = '16389' ORDER BY 1;
SELECT oid, stxrelid::pg_catalog.regclass, stxnamespace::pg_catalog.regnamespace::pg_catalog.text AS nsp, stxname,
pg_catalog.pg_get_statisticsobjdef_columns(oid) AS columns,
  'd' = any(stxkind) AS ndist_enabled,
  'f' = any(stxkind) AS deps_enabled,
  'm' = any(stxkind) AS mcv_enabled,
stxstattarget
FROM pg_catalog.pg_statistic_ext
WHERE stxrelid = '16389'
ORDER BY nsp, stxname;
SELECT pubname
     , NULL
     , NULL
FROM pg_catalog.pg_publication p
     JOIN pg_catalog.pg_publication_namespace pn ON p.oid = pn.pnpubid
     JOIN pg_catalog.pg_class pc ON pc.relnamespace = pn.pnnspid
WHERE pc.oid ='16389' and pg_catalog.pg_relation_is_publishable('16389')
UNION
SELECT pubname
     , pg_get_expr(pr.prqual, c.oid)
     , (CASE WHEN pr.prattrs IS NOT NULL THEN
         (SELECT string_agg(attname, ', ')
           FROM pg_catalog.generate_series(0, pg_catalog.array_upper(pr.prattrs::pg_catalog.int2[], 1)) s,
                pg_catalog.pg_attribute
          WHERE attrelid = pr.prrelid AND attnum = prattrs[s])
        ELSE NULL END) FROM pg_catalog.pg_publication p
     JOIN pg_catalog.pg_publication_rel pr ON p.oid = pr.prpubid
     JOIN pg_catalog.pg_class c ON c.oid = pr.prrelid
WHERE pr.prrelid = '16389'
UNION
SELECT pubname
     , NULL
     , NULL
FROM pg_catalog.pg_publication p
WHERE p.puballtables AND pg_catalog.pg_relation_is_publishable('16389')
ORDER BY 1;
SELECT c.oid::pg_catalog.regclass
FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i
WHERE c.oid = i.inhparent AND i.inhrelid = '16389'
  AND c.relkind != 'p' AND c.relkind != 'I'
ORDER BY inhseqno;
SELECT c.oid::pg_catalog.regclass, c.relkind, inhdetachpending, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i
WHERE c.oid = i.inhrelid AND i.inhparent = '16389'
ORDER BY pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', c.oid::pg_catalog.regclass::pg_catalog.text;
SELECT 'a' IS NORMALIZED, 'a' IS NOT NFC NORMALIZED, (date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', date '2020-03-01');
SELECT DISTINCT '{1}'::json[];
