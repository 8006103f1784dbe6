//! Bound statements as one line each, for comparison.

use crate::bound::{
    BoundCopy, BoundCreateTable, BoundStatement, CastHow, ConflictUpdate, CopyDirection, CopyEnd, CopyFormat,
    CopyText, Expr, NewForeignKey, OnConflict, Rel, Returning, SettingValue, SubqueryKind,
};
use crate::statement::Binding;
use types::{Datum, IoSettings, SqlType};

pub(super) fn binding(binding: &Binding) -> String {
    let mut line = statement(&binding.statement);
    if !binding.parameters.is_empty() {
        line.push_str(&format!(" params {}", list(&binding.parameters, ty)));
    }
    line
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
}

fn statement(bound: &BoundStatement) -> String {
    match bound {
        BoundStatement::Query(query) => format!("query {}", rel(&query.rel)),
        BoundStatement::Insert(insert) => {
            let mut line = format!(
                "insert {} {} from {}",
                insert.table,
                list(&insert.source_columns, |c| format!("#{}", c.0)),
                rel(&insert.source)
            );
            match &insert.on_conflict {
                None => {}
                Some(OnConflict::DoNothing(_)) => line.push_str(" on conflict nothing"),
                Some(OnConflict::DoUpdate(ConflictUpdate {
                    arbiter: _,
                    existing,
                    excluded,
                    values,
                    filter,
                })) => {
                    line.push_str(&format!(
                        " on conflict existing {} excluded {} set {}",
                        list(existing, |c| format!("#{}", c.col.0)),
                        list(excluded, |c| format!("#{}", c.col.0)),
                        list(values, expr)
                    ));
                    if let Some(filter) = filter {
                        line.push_str(&format!(" where {}", expr(filter)));
                    }
                }
            }
            line + &returning(insert.returning.as_ref())
        }
        BoundStatement::Update(update) => format!(
            "update {} at #{} new {} from {}{}",
            update.table,
            update.row_address.0,
            list(&update.new_columns, |c| format!("#{}", c.0)),
            rel(&update.source),
            returning(update.returning.as_ref())
        ),
        BoundStatement::Delete(delete) => format!(
            "delete {} at #{} old {} from {}{}",
            delete.table,
            delete.row_address.0,
            list(&delete.old_columns, |c| format!("#{}", c.0)),
            rel(&delete.source),
            returning(delete.returning.as_ref())
        ),
        BoundStatement::CreateTable(table) => create_table(table),
        BoundStatement::Copy(bound) => copy(bound),
        BoundStatement::Explain { statement: inner, options } => {
            let flags = format!(
                "{}{}{}",
                if options.analyze { " analyze" } else { "" },
                if options.verbose { " verbose" } else { "" },
                if options.json { " json" } else { "" }
            );
            format!("explain{flags} {}", statement(inner))
        }
        BoundStatement::Set { name, value, local } => {
            let value = match value {
                SettingValue::Default => "default".to_owned(),
                SettingValue::Values(values) => format!("{values:?}"),
            };
            format!("set{} {name} {value}", if *local { " local" } else { "" })
        }
        other => format!("{other:?}"),
    }
}

fn returning(returning: Option<&Returning>) -> String {
    let Some(Returning { row, items, output }) = returning else {
        return String::new();
    };
    let names: Vec<&str> = output.iter().map(|c| c.name.as_str()).collect();
    format!(" returning {names:?} {} of {}", list(items, expr), list(row, |c| format!("#{}", c.col.0)))
}

fn create_table(table: &BoundCreateTable) -> String {
    let mut line = format!("create table {}.{}", table.schema, table.name);
    if table.if_not_exists {
        line.push_str(" if not exists");
    }
    line.push(' ');
    line.push_str(&list(&table.columns, |c| {
        let default = c.default.as_ref().map_or_else(String::new, |d| format!(" default {d}"));
        let sequence = c.sequence.map_or_else(String::new, |s| format!(" {:?} {s:?}", c.kind));
        format!("{} {}{}{default}{sequence}", c.name, ty(&c.ty), if c.not_null { " not null" } else { "" })
    }));
    for check in &table.checks {
        line.push_str(&format!(" check {:?} {:?} {:?}", check.name, check.text, check.columns));
    }
    for unique in &table.unique {
        line.push_str(&format!(" unique {:?} {:?}", unique.name, unique.columns));
    }
    for key in &table.foreign_keys {
        let NewForeignKey { name, columns, table, referenced, on_delete, on_update, .. } = key;
        let (columns, referenced) =
            (list(columns, |id| id.to_string()), list(referenced, |id| id.to_string()));
        let table = table.map_or_else(|| "itself".to_owned(), |table| table.to_string());
        line.push_str(&format!(
            " foreign {name:?} {columns} {table} {referenced} {on_delete:?} {on_update:?}"
        ));
    }
    line.push_str(&format!(" key {:?}", table.primary_key));
    if let Some(name) = &table.primary_key_name {
        line.push_str(&format!(" named {name}"));
    }
    for (columns, buckets) in &table.hash {
        line.push_str(&format!(" hash {columns:?} {buckets}"));
    }
    if let Some((columns, partitions)) = &table.range {
        line.push_str(&format!(" range {columns:?} "));
        line.push_str(&list(partitions, |p| format!("{} {:?}..{:?}", p.name, p.lower, p.upper)));
    }
    line
}

fn copy(copy: &BoundCopy) -> String {
    let end = |end: &CopyEnd| match end {
        CopyEnd::Client => "client".to_owned(),
        CopyEnd::Path(path) => format!("{path:?}"),
    };
    let direction = match &copy.direction {
        CopyDirection::From { table, columns, domains: _, defaults, rules: _, source } => {
            format!(
                "copy {table} {columns:?} defaults {} from {}",
                list(defaults, |(i, e)| format!("{i}={}", expr(e))),
                end(source)
            )
        }
        CopyDirection::To { query, target } => format!("copy {} to {}", rel(&query.rel), end(target)),
    };
    let format = match &copy.format {
        CopyFormat::Text(options) => text("text", options),
        CopyFormat::Csv(options) => text("csv", options),
        CopyFormat::Parquet { compression } => format!("parquet {compression:?}"),
    };
    format!("{direction} as {format}")
}

fn text(name: &str, options: &CopyText) -> String {
    let CopyText { delimiter, null, header, quote, escape, force_quote, force_not_null, force_null } =
        options;
    format!(
        "{name} {:?} null {null:?} header {header:?} quote {:?} escape {:?} force {force_quote:?} {force_not_null:?} {force_null:?}",
        char::from(*delimiter),
        char::from(*quote),
        char::from(*escape)
    )
}

fn rel(bound: &Rel) -> String {
    match bound {
        Rel::Unit => "unit".to_owned(),
        Rel::Scan(scan) => {
            let address = scan.row_address.map_or_else(String::new, |a| format!(" at #{}", a.0));
            format!("scan({} {}{address})", scan.alias, list(&scan.columns, |(_, c)| format!("#{}", c.col.0)))
        }
        Rel::Values { rows, columns } => {
            format!(
                "values({} as {})",
                list(rows, |row| list(row, expr)),
                list(columns, |c| format!("#{}", c.col.0))
            )
        }
        Rel::Constants { chunks, columns } => {
            let forms: Vec<&types::Form> = columns.iter().map(|c| &c.ty.form).collect();
            let mut rows = Vec::new();
            for chunk in chunks {
                for row in 0..chunk.rows {
                    let data = forms.iter().zip(&chunk.columns);
                    rows.push(
                        data.map(|(form, array)| types::array::get(form, array, row).unwrap()).collect(),
                    );
                }
            }
            format!(
                "constants({} as {})",
                list(&rows, |row: &Vec<types::Datum>| list(row, |d| format!("{d:?}"))),
                list(columns, |c| format!("#{}", c.col.0))
            )
        }
        Rel::Project { input, items } => {
            format!("project({} {})", list(items, |(e, c)| format!("#{}={}", c.0, expr(e))), rel(input))
        }
        Rel::Filter { input, predicate } => format!("filter({} {})", expr(predicate), rel(input)),
        Rel::Join { kind, left, right, on, lateral } => {
            let on = on.as_ref().map_or_else(String::new, |on| format!(" on {}", expr(on)));
            format!("{kind:?}{}({} {}{on})", if *lateral { " lateral" } else { "" }, rel(left), rel(right))
        }
        Rel::With { ctes, body } => format!("with({} {})", list(ctes, |c| rel(&c.rel)), rel(body)),
        Rel::CteRef { cte, columns } => {
            format!("cte({} {})", cte.0, list(columns, |c| format!("#{}", c.col.0)))
        }
        Rel::Limit { input, count, offset, ties: _ } => format!(
            "limit({} {} {})",
            count.as_ref().map_or_else(|| "all".to_owned(), expr),
            offset.as_ref().map_or_else(|| "0".to_owned(), expr),
            rel(input)
        ),
        Rel::Sort { input, keys } => format!("sort({} {})", list(keys, |k| expr(&k.expr)), rel(input)),
        Rel::Aggregate { input, group, aggregates } => format!(
            "aggregate({} {} {})",
            list(group, |(e, c)| format!("#{}={}", c.0, expr(e))),
            list(aggregates, |(a, c)| format!("#{}={}{}", c.0, a.proc, list(&a.args, expr))),
            rel(input)
        ),
        Rel::SetOp { op, all, left, right, .. } => {
            format!("{op:?}{}({} {})", if *all { " all" } else { "" }, rel(left), rel(right))
        }
        other => format!("{other:?}"),
    }
}

fn ty(ty: &SqlType) -> String {
    let name =
        catalog::builtin::type_by_oid(ty.oid).map_or_else(|| ty.oid.to_string(), |t| t.name.to_owned());
    if ty.typmod == -1 { name } else { format!("{name}({})", ty.typmod) }
}

fn expr(bound: &Expr) -> String {
    match bound {
        Expr::Column(c) => format!("#{}", c.col.0),
        Expr::Outer(c) => format!("outer #{}", c.col.0),
        Expr::Const(Datum::Null, t) => format!("null:{}", ty(t)),
        Expr::Const(datum, t) => {
            let mut out = String::new();
            types::format_text(t, datum, &IoSettings::default(), &mut out).unwrap();
            format!("{out}:{}", ty(t))
        }
        Expr::Param { index, .. } => format!("${index}"),
        Expr::Call { proc, args, .. } => format!("{}{}", proc_name(*proc), list(args, expr)),
        Expr::Cast { how, arg, ty: t } => {
            let how = match how {
                CastHow::Relabel => "relabel".to_owned(),
                CastHow::Function(proc) => proc_name(*proc),
                CastHow::InOut => "inout".to_owned(),
                CastHow::Typmod { explicit } => if *explicit { "cut" } else { "fit" }.to_owned(),
                CastHow::NumericForm => "form".to_owned(),
            };
            format!("{how}({} as {})", expr(arg), ty(t))
        }
        Expr::Domain { arg, rules, ty: _ } => {
            format!("domain({} of {} checks)", expr(arg), rules.checks.len())
        }
        Expr::And(all) => format!("and{}", list(all, expr)),
        Expr::Or(all) => format!("or{}", list(all, expr)),
        Expr::Not(arg) => format!("not {}", expr(arg)),
        Expr::IsNull { arg, negated } => {
            format!("{} is{} null", expr(arg), if *negated { " not" } else { "" })
        }
        Expr::Subquery(subquery) => {
            let kind = match &subquery.kind {
                SubqueryKind::Scalar => "scalar".to_owned(),
                SubqueryKind::Exists => "exists".to_owned(),
                SubqueryKind::Quantified { proc, all, arg } => {
                    format!("{} {} {}", expr(arg), proc_name(*proc), if *all { "all" } else { "any" })
                }
                SubqueryKind::Array => "array".to_owned(),
                row @ SubqueryKind::Row { .. } => format!("{row:?}"),
            };
            format!("({kind} {})", rel(&subquery.rel))
        }
        other => format!("{other:?}"),
    }
}

fn proc_name(proc: base::id::Oid) -> String {
    catalog::builtin::proc(proc).map_or_else(|| proc.to_string(), |p| p.name.to_owned())
}
