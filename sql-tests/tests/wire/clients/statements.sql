SELECT result.TABLE_CAT AS "TABLE_CAT", result.TABLE_SCHEM AS "TABLE_SCHEM", result.TABLE_NAME AS "TABLE_NAME",
result.COLUMN_NAME AS "COLUMN_NAME", result.KEY_SEQ AS "KEY_SEQ", result.PK_NAME AS "PK_NAME"FROM (SELECT
current_database() AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME,
(information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME,
information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM, i.indnkeyatts as KEY_COUNT FROM
pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON
(ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON ( a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON
(ci.oid = i.indexrelid) WHERE true AND n.nspname = 'sales' AND ct.relname = 'orders' AND i.indisprimary ) result where
result.A_ATTNUM = (result.KEYS).x AND result.KEY_SEQ <= KEY_COUNT ORDER BY result.table_name, result.pk_name,
result.key_seq
----
SELECT datname FROM pg_database WHERE datistemplate = false
----
SELECT schema_name FROM information_schema.schemata WHERE schema_name <> 'nyala' AND schema_name <> 'pg_toast'
----
SELECT * FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = 'public' ORDER BY
table_type, table_name
----
SELECT a.attnum, a.attname, c.relname, n.nspname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), a.attidentity !=
'' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%' FROM pg_catalog.pg_class c JOIN
pg_catalog.pg_namespace n ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (c.oid = a.attrelid) JOIN
pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef d ON (d.adrelid = a.attrelid AND d.adnum
= a.attnum) JOIN (SELECT 'made'::regclass::oid AS oid, 1 AS attnum UNION ALL SELECT 'made'::regclass::oid, 2 UNION ALL
SELECT 'made'::regclass::oid, 4) vals ON (c.oid = vals.oid AND a.attnum = vals.attnum) where c.oid in
('made'::regclass)
----
SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN
pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = 1043
----
SELECT current_database() AS "TABLE_CAT", n.nspname AS "TABLE_SCHEM", c.relname AS "TABLE_NAME", CASE n.nspname ~
'^pg_' OR n.nspname = 'information_schema' WHEN true THEN CASE WHEN n.nspname = 'pg_catalog' OR n.nspname =
'information_schema' THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TABLE' WHEN 'v' THEN 'SYSTEM VIEW' WHEN 'i' THEN
'SYSTEM INDEX' ELSE NULL END WHEN n.nspname = 'pg_toast' THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TOAST TABLE' WHEN
'i' THEN 'SYSTEM TOAST INDEX' ELSE NULL END ELSE CASE c.relkind WHEN 'r' THEN 'TEMPORARY TABLE' WHEN 'p' THEN
'TEMPORARY TABLE' WHEN 'i' THEN 'TEMPORARY INDEX' WHEN 'S' THEN 'TEMPORARY SEQUENCE' WHEN 'v' THEN 'TEMPORARY VIEW'
ELSE NULL END END WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'i' THEN
'INDEX' WHEN 'P' then 'PARTITIONED INDEX' WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'c' THEN 'TYPE' WHEN 'f'
THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END ELSE NULL END AS "TABLE_TYPE", d.description AS
"REMARKS", '' as "TYPE_CAT", '' as "TYPE_SCHEM", '' as "TYPE_NAME", '' AS "SELF_REFERENCING_COL_NAME", '' AS
"REF_GENERATION" FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid
= d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname IN
('public','sales') AND (false OR ( c.relkind IN ('r','v','i','S'))) ORDER BY "TABLE_TYPE","TABLE_SCHEM","TABLE_NAME"
----
SELECT * FROM (SELECT current_database() AS current_database, n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR
(t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY
a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as
attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype FROM
pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON
(a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON
(a.attrelid=def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND
a.attnum = dsc.objsubid) LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class') LEFT JOIN
pg_catalog.pg_namespace dn ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog') WHERE c.relkind in
('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND n.nspname LIKE 'public') c WHERE true ORDER BY
nspname,c.relname,attnum
----
SELECT tmp.TABLE_SCHEM, tmp.TABLE_NAME, tmp.NON_UNIQUE, tmp.INDEX_NAME, tmp.TYPE, tmp.ORDINAL_POSITION, trim(both '"'
from pg_catalog.pg_get_indexdef(tmp.CI_OID, tmp.ORDINAL_POSITION, false)) AS COLUMN_NAME, CASE tmp.AM_NAME WHEN
'btree' THEN CASE tmp.I_INDOPTION[tmp.ORDINAL_POSITION - 1] & 1::smallint WHEN 1 THEN 'D' ELSE 'A' END ELSE NULL END
AS ASC_OR_DESC, tmp.FILTER_CONDITION FROM (SELECT n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, NOT
i.indisunique AS NON_UNIQUE, NULL AS INDEX_QUALIFIER, ci.relname AS INDEX_NAME, CASE i.indisclustered WHEN true THEN 1
ELSE CASE am.amname WHEN 'hash' THEN 2 ELSE 3 END END AS TYPE, (information_schema._pg_expandarray(i.indkey)).n AS
ORDINAL_POSITION, ci.oid AS CI_OID, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS FILTER_CONDITION, i.indoption AS
I_INDOPTION, am.amname AS AM_NAME FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_namespace n ON (ct.relnamespace =
n.oid) JOIN pg_catalog.pg_index i ON (ct.oid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) JOIN
pg_catalog.pg_am am ON (ci.relam = am.oid) WHERE true AND n.nspname = 'sales') AS tmp ORDER BY NON_UNIQUE, TYPE,
INDEX_NAME, ORDINAL_POSITION
----
SELECT t.typname,t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON (t.typnamespace = n.oid) WHERE
n.nspname = 'pg_catalog' AND (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid =
t.typrelid)) AND t.typelem <= 0
----
SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM ( SELECT typ.oid, typ.typnamespace,
typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid, elemtyp.typname AS
elemtypname, elemcls.relkind AS elemrelkind, CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END
AS elemtyptype FROM ( SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, CASE
WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype, CASE WHEN proc.proname='array_recv' THEN
typ.typelem WHEN typ.typtype='r' THEN rngsubtype WHEN typ.typtype='m' THEN (SELECT rngtypid FROM pg_range WHERE
rngmultitypid = typ.oid) WHEN typ.typtype='d' THEN typ.typbasetype END AS elemtypoid FROM pg_type AS typ LEFT JOIN
pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive LEFT JOIN pg_range
ON (pg_range.rngtypid = typ.oid) ) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid LEFT JOIN pg_class
AS elemcls ON (elemcls.oid = elemtyp.typrelid) LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive ) AS
t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE ns.nspname = 'pg_catalog' AND (typtype IN ('b', 'r', 'm',
'e', 'd') OR (typtype = 'c' AND relkind='c') OR (typtype = 'p' AND typname IN ('record', 'void')) OR (typtype = 'a'
AND (elemtyptype IN ('b', 'r', 'm', 'e', 'd') OR (elemtyptype = 'p' AND elemtypname IN ('record', 'void')) OR
(elemtyptype = 'c' AND elemrelkind='c')))) ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'r'
THEN 1 WHEN typtype = 'm' THEN 2 WHEN typtype = 'c' THEN 3 WHEN typtype = 'd' AND elemtyptype <> 'a' THEN 4 WHEN
typtype = 'a' THEN 5 WHEN typtype = 'd' AND elemtyptype = 'a' THEN 6 END
----
SELECT typ.typname, att.attname, att.atttypid FROM pg_type AS typ JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
JOIN pg_class AS cls ON (cls.oid = typ.typrelid) JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid) WHERE
(typ.typtype = 'c' AND cls.relkind='c') AND attnum > 0 AND NOT attisdropped ORDER BY typ.oid, att.attnum
----
SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid=enumtypid ORDER BY oid, enumsortorder
----
WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, elemtype, elemdelim, range_subtype, attrtypoids,
attrnames, depth) AS (SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim,
ti.range_subtype, ti.attrtypoids, ti.attrnames, 0 FROM (SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name,
t.typtype AS kind, (CASE WHEN t.typtype = 'd' THEN (WITH RECURSIVE typebases(oid, depth) AS (SELECT t2.typbasetype AS
oid, 0 AS depth FROM pg_type t2 WHERE t2.oid = t.oid UNION ALL SELECT t2.typbasetype AS oid, tb.depth + 1 AS depth
FROM pg_type t2, typebases tb WHERE tb.oid = t2.oid AND t2.typbasetype != 0) SELECT oid FROM typebases ORDER BY depth
DESC LIMIT 1) ELSE NULL END) AS basetype, t.typelem AS elemtype, elem_t.typdelim AS elemdelim, range_t.rngsubtype AS
range_subtype, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.atttypid ORDER BY ia.attnum) FROM pg_attribute ia
INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE
NULL END) AS attrtypoids, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.attname::text ORDER BY ia.attnum) FROM
pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND
c.reltype = t.oid) ELSE NULL END) AS attrnames FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON
(ns.oid = t.typnamespace) LEFT JOIN pg_type elem_t ON (t.typlen = -1 AND t.typelem != 0 AND t.typelem = elem_t.oid)
LEFT JOIN pg_range range_t ON (t.oid = range_t.rngtypid)) AS ti WHERE ti.oid = any('{1007,1009,13234}'::oid[]) UNION
ALL SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids,
ti.attrnames, tt.depth + 1 FROM (SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind,
NULL::oid AS basetype, t.typelem AS elemtype, elem_t.typdelim AS elemdelim, NULL::oid AS range_subtype, NULL::oid[] AS
attrtypoids, NULL::text[] AS attrnames FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON (ns.oid =
t.typnamespace) LEFT JOIN pg_type elem_t ON (t.typlen = -1 AND t.typelem != 0 AND t.typelem = elem_t.oid)) ti,
typeinfo_tree tt WHERE (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype)) SELECT DISTINCT *, basetype::regtype::text
AS basetype_name, elemtype::regtype::text AS elemtype_name, range_subtype::regtype::text AS range_subtype_name FROM
typeinfo_tree ORDER BY depth DESC
----
SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type
t WHERE t.oid = to_regtype('int4') ORDER BY t.oid
----
SELECT t.typname, t.typtype, t.typelem, r.rngsubtype, t.typbasetype, n.nspname, t.typrelid FROM pg_catalog.pg_type t
LEFT OUTER JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid INNER JOIN pg_catalog.pg_namespace n ON t.typnamespace =
n.oid WHERE t.oid = 3904
----
SELECT oid, typname, typreceive, typbasetype, typrelid, typarray FROM pg_catalog.pg_type WHERE (typreceive != 0 OR
typsend != 0) AND typtype != 'r' AND typreceive::TEXT != 'array_recv' AND typtype <> 'c'
----
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON
pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r',
'p']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND
pg_catalog.pg_namespace.nspname != 'pg_catalog'
----
SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid,
pg_catalog.pg_attribute.atttypmod) AS format_type, (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin,
pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef WHERE pg_catalog.pg_attrdef.adrelid =
pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND
pg_catalog.pg_attribute.atthasdef) AS "default", pg_catalog.pg_attribute.attnotnull AS not_null,
pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment,
pg_catalog.pg_attribute.attgenerated AS generated, (SELECT json_build_object('always',
pg_catalog.pg_attribute.attidentity = 'a', 'start', pg_catalog.pg_sequence.seqstart, 'increment',
pg_catalog.pg_sequence.seqincrement, 'minvalue', pg_catalog.pg_sequence.seqmin, 'maxvalue',
pg_catalog.pg_sequence.seqmax, 'cache', pg_catalog.pg_sequence.seqcache, 'cycle', pg_catalog.pg_sequence.seqcycle) AS
json_build_object_1 FROM pg_catalog.pg_sequence WHERE pg_catalog.pg_attribute.attidentity != '' AND
pg_catalog.pg_sequence.seqrelid =
CAST(CAST(pg_catalog.pg_get_serial_sequence(CAST(CAST(pg_catalog.pg_attribute.attrelid AS REGCLASS) AS TEXT),
pg_catalog.pg_attribute.attname) AS REGCLASS) AS OID)) AS identity_options FROM pg_catalog.pg_class LEFT OUTER JOIN
pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND
pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped LEFT OUTER JOIN
pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND
pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum JOIN pg_catalog.pg_namespace ON
pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r',
'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname
!= 'pg_catalog' AND pg_catalog.pg_class.relname IN ('keyed', 'made') ORDER BY pg_catalog.pg_class.relname,
pg_catalog.pg_attribute.attnum
----
SELECT attr.conname, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.description AS
description_1 FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.conindid AS conindid, con.description
AS description, con.ord AS ord, pg_catalog.pg_attribute.attname AS attname FROM pg_catalog.pg_attribute JOIN (SELECT
pg_catalog.pg_constraint.conrelid AS conrelid, pg_catalog.pg_constraint.conname AS conname,
pg_catalog.pg_constraint.conindid AS conindid, unnest(pg_catalog.pg_constraint.conkey) AS attnum,
generate_subscripts(pg_catalog.pg_constraint.conkey, 1) AS ord, pg_catalog.pg_description.description AS description
FROM pg_catalog.pg_constraint LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid =
pg_catalog.pg_constraint.oid WHERE pg_catalog.pg_constraint.contype = 'p' AND pg_catalog.pg_constraint.conrelid IN
('sales.orders'::regclass, 'keyed'::regclass)) AS con ON pg_catalog.pg_attribute.attnum = con.attnum AND
pg_catalog.pg_attribute.attrelid = con.conrelid) AS attr GROUP BY attr.conrelid, attr.conname, attr.description ORDER
BY attr.conrelid, attr.conname
----
SELECT ct.relname, ci.relname AS relname_index, i.indisunique, i.indkey, am.amname, i.indoption,
pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class ci ON ci.oid =
i.indexrelid JOIN pg_class ct ON ct.oid = i.indrelid JOIN pg_am am ON am.oid = ci.relam WHERE ct.relname IN ('keyed',
'orders')
----
SELECT n.nspname as schema, c.relname as name, pg_get_viewdef(c.oid) IS NOT NULL FROM pg_class c JOIN pg_namespace n
ON n.oid = c.relnamespace WHERE c.relkind = ANY(ARRAY['v','m']) AND n.nspname IN ('public','sales')
----
SELECT table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale,
datetime_precision, interval_type, collation_name, udt_name, dtd_identifier, is_identity, identity_generation,
identity_start, identity_increment, identity_maximum, identity_minimum, identity_cycle, is_generated,
generation_expression, is_self_referencing FROM information_schema.columns WHERE table_schema IN ('public', 'sales')
AND table_name NOT IN ('shown', 'mine')
----
SELECT table_schema, table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema IN
('public','sales','pg_catalog','information_schema') AND table_name NOT IN ('shown', 'mine', 'pg_group',
'pg_stat_database_conflicts')
----
SELECT c.table_schema, c.table_name, c.constraint_type, k.column_name, k.ordinal_position FROM
information_schema.table_constraints c JOIN information_schema.key_column_usage k USING (constraint_schema,
constraint_name) WHERE c.table_schema IN ('public', 'sales')
----
SELECT sequence_schema, sequence_name, data_type, numeric_precision, start_value, minimum_value, maximum_value,
increment, cycle_option FROM information_schema.sequences
----
SELECT schemaname, sequencename, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size,
last_value FROM pg_sequences
----
SELECT grantee, table_schema, table_name, privilege_type, is_grantable FROM information_schema.role_table_grants WHERE
table_schema IN ('public','sales')
----
SELECT grantor, grantee, table_schema, table_name, column_name, privilege_type FROM
information_schema.column_privileges WHERE table_schema = 'sales'
----
SELECT constraint_name, unique_constraint_name, match_option FROM information_schema.referential_constraints
----
SELECT constraint_name, check_clause FROM information_schema.check_constraints WHERE constraint_schema = 'public' AND
constraint_name NOT LIKE '%not_null'
----
SELECT character_set_name FROM information_schema.character_sets
----
SELECT routine_name, data_type FROM information_schema.routines WHERE routine_schema = 'pg_catalog' AND routine_name
LIKE 'abs%'
----
SELECT parameter_name, ordinal_position, data_type FROM information_schema.parameters WHERE specific_schema =
'pg_catalog' AND specific_name LIKE 'date_part%'
----
select distinct nspname from pg_namespace where nspname not in ('nyala', 'pg_toast')
----
select 'postgres' as database, tablename as name, schemaname as schema, 'table' as type from pg_tables where
schemaname ilike 'public' union all select 'postgres' as database, viewname as name, schemaname as schema, 'view' as
type from pg_views where schemaname ilike 'public' union all select 'postgres' as database, matviewname as name,
schemaname as schema, 'materialized_view' as type from pg_matviews where schemaname ilike 'public'
----
with relation as (select pg_rewrite.ev_class as class, pg_rewrite.oid as id from pg_rewrite), class as (select oid as
id, relname as name, relnamespace as schema, relkind as kind from pg_class), dependency as (select distinct
pg_depend.objid as id, pg_depend.refobjid as ref from pg_depend) select distinct dependent_namespace.nspname as
dependent_schema, dependent_class.name as dependent_name, referenced_namespace.nspname as referenced_schema,
referenced_class.name as referenced_name from relation join class as dependent_class on
relation.class=dependent_class.id join dependency on relation.id=dependency.id join class as referenced_class on
dependency.ref=referenced_class.id and dependent_class.id != referenced_class.id join pg_namespace as
dependent_namespace on dependent_class.schema = dependent_namespace.oid join pg_namespace as referenced_namespace on
referenced_class.schema = referenced_namespace.oid where dependent_namespace.nspname in ('public', 'sales')
----
select 'postgres' as table_database, sch.nspname as table_schema, tbl.relname as table_name, case tbl.relkind when 'v'
then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end as table_type, tbl_desc.description as
table_comment, col.attname as column_name, col.attnum as column_index, pg_catalog.format_type(col.atttypid,
col.atttypmod) as column_type, col_desc.description as column_comment, pg_get_userbyid(tbl.relowner) as table_owner
from pg_catalog.pg_namespace sch join pg_catalog.pg_class tbl on tbl.relnamespace = sch.oid join
pg_catalog.pg_attribute col on col.attrelid = tbl.oid left outer join pg_catalog.pg_description tbl_desc on
(tbl_desc.objoid = tbl.oid and tbl_desc.objsubid = 0) left outer join pg_catalog.pg_description col_desc on
(col_desc.objoid = tbl.oid and col_desc.objsubid = col.attnum) where upper(sch.nspname) = upper('public') and not
pg_is_other_temp_schema(sch.oid) and tbl.relpersistence in ('p', 'u') and tbl.relkind in ('r', 'v', 'f', 'p') and
col.attnum > 0 and not col.attisdropped order by sch.nspname, tbl.relname, col.attnum
----
with table_privileges as (select NULL as role, t.schemaname as schema, t.objectname as table,
pg_catalog.has_any_column_privilege(current_user, '"'||t.schemaname||'"'||'.'||'"'||t.objectname||'"', 'update') as
update, pg_catalog.has_table_privilege(current_user, '"'||t.schemaname||'"'||'.'||'"'||t.objectname||'"', 'SELECT') as
select, pg_catalog.has_table_privilege(current_user, '"'||t.schemaname||'"'||'.'||'"'||t.objectname||'"', 'DELETE') as
delete from (select schemaname, tablename as objectname from pg_catalog.pg_tables union select schemaname, viewname as
objectname from pg_views union select schemaname, matviewname as objectname from pg_matviews) t where t.schemaname !~
'^pg_' and t.schemaname <> 'information_schema' and t.schemaname <> 'nyala' and
pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')) select t.* from table_privileges t
----
SELECT c.column_name AS name, c.udt_name AS database_type, c.ordinal_position - 1 AS database_position,
c.table_schema, c.table_name, pk.column_name IS NOT NULL AS pk, col_description(CAST(CAST(format('%I.%I',
CAST(c.table_schema AS TEXT), CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS field_comment,
c.is_identity <> 'NO' FROM information_schema.columns AS c LEFT JOIN (SELECT tc.table_schema, tc.table_name,
kc.column_name FROM information_schema.table_constraints AS tc INNER JOIN information_schema.key_column_usage AS kc ON
tc.constraint_name = kc.constraint_name AND tc.table_schema = kc.table_schema AND tc.table_name = kc.table_name WHERE
tc.constraint_type = 'PRIMARY KEY') AS pk ON c.table_schema = pk.table_schema AND c.table_name = pk.table_name AND
c.column_name = pk.column_name WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND c.table_schema <>
'nyala' UNION ALL SELECT pa.attname, pt.typname, pa.attnum - 1, pn.nspname, pc.relname, FALSE, NULL, FALSE FROM
pg_catalog.pg_class AS pc INNER JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace INNER JOIN
pg_catalog.pg_attribute AS pa ON pa.attrelid = pc.oid INNER JOIN pg_catalog.pg_type AS pt ON pt.oid = pa.atttypid
WHERE pc.relkind = 'm' AND pa.attnum >= 1
----
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN
('information_schema', 'pg_catalog', '_timescaledb_cache', 'nyala') AND quote_ident(table_schema) IN (SELECT CASE WHEN
trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM
generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i,
string_to_array(current_setting('search_path'), ',') s)
----
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE CASE WHEN
array_length(parse_ident('public.keyed'), 1) = 2 THEN quote_ident(table_schema) = (parse_ident('public.keyed'))[1] AND
quote_ident(table_name) = (parse_ident('public.keyed'))[2] ELSE quote_ident(table_name) = 'keyed' END
----
SELECT n.nspname, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON
d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass WHERE nspname NOT IN ('nyala') ORDER BY
nspname
----
select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs,absolute,action}'::text[])
----
SELECT c.relname, c.relkind, d.description, c.relpersistence, c.relhasindex, c.relnatts,
pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND
d.classoid='pg_class'::regclass WHERE c.relnamespace='public'::regnamespace AND c.relkind not in ('i','I','c')
----
SELECT c.conname, c.contype, c.conkey, pg_catalog.pg_get_constraintdef(c.oid) as consrc_copy FROM
pg_catalog.pg_constraint c WHERE c.conrelid IN ('keyed'::regclass, 'made'::regclass)
----
SELECT db.datname, db.encoding, db.datcollate, db.datallowconn, pg_encoding_to_char(db.encoding) FROM
pg_catalog.pg_database db WHERE db.datname = current_database()
----
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit,
rolbypassrls FROM pg_roles WHERE rolname = current_user
----
SELECT r.rolcanlogin AS rolcanlogin, r.rolreplication AS rolreplication, CAST(array_position(ARRAY(SELECT b.rolname
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid),
'rds_superuser') AS BOOL) IS TRUE AS aws_superuser FROM pg_roles r WHERE r.rolname = current_user
----
SELECT t.oid AS oid, t.typname AS name, n.nspname AS schema_name, t.typelem AS element, t.typbasetype AS parentoid,
t.typtypmod as modifiers, t.typcategory as category, e.values as enum_values FROM pg_catalog.pg_type t JOIN
pg_catalog.pg_namespace n ON (t.typnamespace = n.oid) LEFT JOIN (SELECT t.enumtypid as id, array_agg(t.enumlabel ORDER
BY t.enumsortorder) as values FROM pg_catalog.pg_enum t GROUP BY id) e ON (t.oid = e.id) WHERE n.nspname =
'pg_catalog'
----
SELECT relreplident FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON c.relnamespace=n.oid WHERE
n.nspname='public' and c.relname='keyed'
----
SELECT schemaname, tablename, indexname, tablespace, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'sales')
----
SELECT * FROM pg_tables WHERE schemaname IN ('public', 'sales', 'pg_catalog', 'information_schema')
----
SELECT nspname AS schema, relname AS name, ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND
a.attnum > 0 ORDER BY attnum) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind =
ANY('{r,p,f}') AND n.nspname = ANY(current_schemas(false))
----
SELECT * FROM unnest(current_schemas(true))
----
SELECT n.nspname schema_name, p.proname func_name, p.proargnames, array_to_string(COALESCE(proallargtypes::regtype[],
proargtypes::regtype[])::text[], ','), p.proargmodes, prorettype::regtype::text return_type, p.prokind = 'a'
is_aggregate, p.prokind = 'w' is_window, p.proretset is_set_returning, d.deptype = 'e' is_extension,
pg_get_expr(proargdefaults, 0) IS NULL FROM pg_catalog.pg_proc p INNER JOIN pg_catalog.pg_namespace n ON n.oid =
p.pronamespace LEFT JOIN pg_depend d ON d.objid = p.oid and d.deptype = 'e' WHERE p.prorettype::regtype !=
'trigger'::regtype AND p.proname LIKE 'to\_%' ORDER BY 1, 2
----
SELECT version() LIKE 'PostgreSQL 15%', (SELECT COUNT(*) FROM pg_settings WHERE name LIKE 'rds%')
----
SELECT pg_namespace.nspname, relname, relkind, attname, pg_type.typname type_name, atttypmod type_modifier,
pg_attribute.attndims ndim, attnum, pg_attribute.attnotnull AS notnull, NULL constraint_id, NULL constraint_type, NULL
constraint_key FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid JOIN pg_attribute ON pg_class.oid =
pg_attribute.attrelid JOIN pg_type ON atttypid = pg_type.oid WHERE attnum > 0 AND relkind IN ('r', 'v', 'm', 'f', 'p')
AND pg_namespace.nspname IN ('sales', 'public') UNION ALL SELECT pg_namespace.nspname, relname, NULL relkind, NULL
attname, NULL type_name, NULL type_modifier, NULL ndim, NULL attnum, NULL AS notnull, NULL constraint_id, contype
constraint_type, conkey constraint_key FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid JOIN
pg_constraint ON (pg_class.oid = pg_constraint.conrelid) WHERE relkind IN ('r', 'v', 'm', 'f', 'p') AND contype IN
('p', 'u') AND pg_namespace.nspname IN ('sales', 'public')
----
SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'
----
SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE
roles.rolcreaterole END as can_create_role, CASE WHEN 'pg_signal_backend' = ANY(ARRAY(WITH RECURSIVE cte AS (SELECT
pg_roles.oid, pg_roles.rolname FROM pg_roles WHERE pg_roles.oid = roles.oid UNION ALL SELECT m.roleid, pgr.rolname
FROM cte cte_1 JOIN pg_auth_members m ON m.member = cte_1.oid JOIN pg_roles pgr ON pgr.oid = m.roleid) SELECT rolname
FROM cte)) THEN True ELSE False END as can_signal_backend FROM pg_catalog.pg_roles as roles WHERE rolname =
current_user
----
SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid()
----
SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding,
has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname =
current_database()
----
SELECT usename, usesuper, usecreatedb, passwd IS NULL FROM pg_user WHERE usename = 'postgres'
----
SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND state = 'active' AND query LIKE 'SELECT count%'
----
SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'sales'
----
SELECT pg_catalog.has_type_privilege('int4', 'usage'), has_function_privilege('abs(integer)', 'execute'),
has_sequence_privilege('numbers', 'usage'), has_language_privilege('sql', 'usage'),
has_tablespace_privilege('pg_default', 'create'), has_column_privilege('keyed', 'id', 'select'),
has_table_privilege('shown', 'select')
----
SELECT to_regclass('%'), to_regclass('keyed'), to_regclass('nosuch'), to_regtype('int4'), to_regtype('nosuch'),
to_regproc('abs'), to_regproc('nosuch'), to_regprocedure('abs(integer)'), to_regnamespace('sales'),
to_regrole('postgres'), to_regoper('||/'), to_regoperator('+(integer,integer)'), to_regclass('1259')
----
SELECT pg_typeof(1), pg_typeof('x'), pg_typeof(now()), pg_typeof(NULL), pg_typeof(1.5), pg_typeof('{}'::text[])
----
SELECT current_setting('nosuch.name', true), current_setting('server_version_num')::int / 10000,
set_config('my.thing', 'v', false), current_setting('my.thing')
----
SELECT float4send(1.5), int4send(7), textsend('ab'), int8send(1), float8send(0.1)
----
SELECT proname, pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid), pg_get_function_result(oid)
FROM pg_proc WHERE proname <> 'binary_upgrade_set_next_attribute_versions'
----
SELECT oid::regprocedure::text, oid::regproc::text, obj_description(oid, 'pg_proc') FROM pg_proc WHERE proname <> 'binary_upgrade_set_next_attribute_versions'
----
SELECT oid::regoperator::text, oid::regoper::text, obj_description(oid, 'pg_operator') FROM pg_operator
----
SELECT oid::regtype::text, format_type(oid, NULL), obj_description(oid, 'pg_type') FROM pg_type WHERE typrelid = 0 AND
typnamespace = 'pg_catalog'::regnamespace
----
SELECT (x).n, (x).x FROM (SELECT information_schema._pg_expandarray(ARRAY[5,6]) AS x) q
----
SELECT * FROM information_schema._pg_expandarray('{7,8}'::int[])
----
SELECT a.grantee, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a WHERE relname = 'pg_type'
----
SELECT a.amname, p.name, pg_indexam_has_property(a.oid, p.name) FROM pg_am a,
unnest('{can_order,can_unique,can_multi_col,can_exclude,can_include,bogus}'::text[]) p(name)
----
SELECT acldefault('r', 10), acldefault('f', 10), acldefault('d', 10), acldefault('n', 10), acldefault('T', 10),
acldefault('s', 10)
----
SELECT * FROM pg_locks WHERE false
----
SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = 'pg_catalog' ORDER BY table_name
