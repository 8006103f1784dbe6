//! Bound trees as compact text: functions and types by name, columns as `#n`, casts as `value::how type`.

use crate::bound::{
    AggregateCall, BoundQuery, CastHow, Expr, FrameBound, FrameUnit, JoinKind, Rel, SetOp, SortKey,
    SubqueryKind, WindowCall,
};
use base::id::Oid;
use catalog::builtin;
use types::{Datum, Form, SqlType};

pub(super) fn query(query: &BoundQuery) -> String {
    let output: Vec<String> = query.output.iter().map(|c| format!("{}=#{}", c.name, c.col.0)).collect();
    format!("{} -> {}", rel(&query.rel), output.join(" "))
}

fn ty(ty: &SqlType) -> String {
    let name = builtin::type_by_oid(ty.oid).map_or("?", |t| t.name);
    match ty.form {
        Form::Decimal128 { scale } => format!("{name}:{scale}"),
        Form::PgNum => format!("{name}:v"),
        _ => name.to_owned(),
    }
}

fn proc(oid: Oid) -> &'static str {
    builtin::proc(oid).map_or("?", |p| p.name)
}

fn list(exprs: &[Expr]) -> String {
    exprs.iter().map(expr).collect::<Vec<_>>().join(", ")
}

pub(super) fn expr(e: &Expr) -> String {
    match e {
        Expr::Column(c) => format!("#{}", c.col.0),
        Expr::Outer(c) => format!("outer#{}", c.col.0),
        Expr::Const(Datum::Null, t) => format!("null::{}", ty(t)),
        Expr::Const(Datum::Decimal128(v), t) => format!("{v}::{}", ty(t)),
        Expr::Const(Datum::Int32(v), _) => v.to_string(),
        Expr::Const(Datum::Text(v), t) => format!("'{v}'::{}", ty(t)),
        Expr::Const(d, t) => format!("{d:?}::{}", ty(t)),
        Expr::Param { index, ty: t } => format!("${index}::{}", ty(t)),
        Expr::Call { proc: p, args, ty: t } => format!("{}({})::{}", proc(*p), list(args), ty(t)),
        Expr::Cast { how, arg, ty: t } => {
            let how = match how {
                CastHow::Relabel => "relabel".to_owned(),
                CastHow::Function(p) => proc(*p).to_owned(),
                CastHow::InOut => "text".to_owned(),
                CastHow::Typmod { explicit } => format!("modify({explicit})"),
                CastHow::NumericForm => "form".to_owned(),
            };
            format!("[{how} {} {}]", expr(arg), ty(t))
        }
        Expr::Domain { arg, rules: _, ty: t } => format!("domain({})::{}", expr(arg), ty(t)),
        Expr::And(args) => format!("and({})", list(args)),
        Expr::Or(args) => format!("or({})", list(args)),
        Expr::Not(arg) => format!("not({})", expr(arg)),
        Expr::IsNull { arg, negated } => format!("isnull({}, {negated})", expr(arg)),
        Expr::IsBool { arg, value, negated } => format!("is({}, {value:?}, {negated})", expr(arg)),
        Expr::IsDistinct { equal, left, right, negated } => {
            format!("distinct({}, {}, {}, {negated})", proc(*equal), expr(left), expr(right))
        }
        Expr::Case { whens, otherwise, ty: t } => {
            let whens: Vec<String> = whens.iter().map(|(w, r)| format!("{}: {}", expr(w), expr(r))).collect();
            let otherwise = otherwise.as_deref().map_or_else(String::new, |o| format!("; {}", expr(o)));
            format!("case({}{otherwise})::{}", whens.join(", "), ty(t))
        }
        Expr::Coalesce { args, ty: t } => format!("coalesce({})::{}", list(args), ty(t)),
        Expr::NullIf { equal, left, right, ty: t } => {
            format!("nullif({}, {}, {})::{}", proc(*equal), expr(left), expr(right), ty(t))
        }
        Expr::Extreme { greatest, less, args, ty: t } => {
            let name = if *greatest { "greatest" } else { "least" };
            format!("{name}({}; {})::{}", proc(*less), list(args), ty(t))
        }
        Expr::InList { equal, arg, list: items, negated } => {
            format!("in({}, {}, [{}], {negated})", proc(*equal), expr(arg), list(items))
        }
        Expr::ArrayCompare { proc: p, all, arg, array } => {
            format!("{}({}, {}, {})", if *all { "all" } else { "any" }, proc(*p), expr(arg), expr(array))
        }
        Expr::Array { elements, ty: t } => format!("array[{}]::{}", list(elements), ty(t)),
        Expr::Row { fields, ty: t } => format!("row({})::{}", list(fields), ty(t)),
        Expr::Field { row, index, ty: t } => format!("({}).{index}::{}", expr(row), ty(t)),
        Expr::ArrayPart { part, args, ty: t } => format!("{part:?}({})::{}", list(args), ty(t)),
        Expr::Subquery(s) => {
            let kind = match &s.kind {
                SubqueryKind::Scalar => "scalar".to_owned(),
                SubqueryKind::Exists => "exists".to_owned(),
                SubqueryKind::Array => "array".to_owned(),
                SubqueryKind::Row { quantifier, args, test } => {
                    let args = named(args.iter().map(|(e, c)| (expr(e), c.0)));
                    format!("{quantifier:?}({args}; {})", expr(test))
                }
                SubqueryKind::Quantified { proc: p, all, arg } => {
                    format!("{}({}, {})", if *all { "all" } else { "any" }, proc(*p), expr(arg))
                }
            };
            let column = s.column.as_ref().map_or_else(String::new, |c| format!(" -> #{}", c.col.0));
            format!("<{kind} {}{column}>", rel(&s.rel))
        }
    }
}

fn keys(keys: &[SortKey]) -> String {
    let key = |k: &SortKey| {
        let direction = if k.descending { " desc" } else { "" };
        let nulls = if k.nulls_first == k.descending { "" } else { " nulls moved" };
        format!("{}{direction}{nulls}", expr(&k.expr))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn aggregate(call: &AggregateCall) -> String {
    let distinct = if call.distinct { "distinct " } else { "" };
    let order =
        if call.order_by.is_empty() { String::new() } else { format!(" by {}", keys(&call.order_by)) };
    let filter = call.filter.as_ref().map_or_else(String::new, |f| format!(" if {}", expr(f)));
    format!("{}({distinct}{}{order}{filter})::{}", proc(call.proc), list(&call.args), ty(&call.ty))
}

fn window(call: &WindowCall) -> String {
    let unit = match call.frame.unit {
        FrameUnit::Rows => "rows",
        FrameUnit::Range => "range",
        FrameUnit::Groups => "groups",
    };
    let bound = |b: &FrameBound| match b {
        FrameBound::UnboundedPreceding => "start".to_owned(),
        FrameBound::Preceding(e) => format!("-{}", expr(e)),
        FrameBound::CurrentRow => "row".to_owned(),
        FrameBound::Following(e) => format!("+{}", expr(e)),
        FrameBound::UnboundedFollowing => "end".to_owned(),
    };
    let (start, end) = (bound(&call.frame.start), bound(&call.frame.end));
    let (partition, order) = (list(&call.partition_by), keys(&call.order_by));
    format!("{}({}) over [{partition} | {order} | {unit} {start}..{end}]", proc(call.proc), list(&call.args))
}

fn named(items: impl Iterator<Item = (String, u32)>) -> String {
    items.map(|(text, col)| format!("{text} #{col}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn rel(r: &Rel) -> String {
    let cols = |c: &[crate::bound::TypedCol]| {
        c.iter().map(|c| format!("#{}", c.col.0)).collect::<Vec<_>>().join(" ")
    };
    match r {
        Rel::Unit => "unit".to_owned(),
        Rel::Empty { columns } => format!("empty({})", cols(columns)),
        Rel::Scan(scan) => {
            format!("scan({} #{}..)", scan.alias, scan.columns.first().map_or(0, |(_, c)| c.col.0))
        }
        Rel::Changes(scan) => format!("changes {}", scan.alias),
        Rel::System(scan) => {
            format!("system({} #{}..)", scan.name, scan.columns.first().map_or(0, |(_, c)| c.col.0))
        }
        Rel::Values { rows, columns } => {
            let rows: Vec<String> = rows.iter().map(|r| format!("({})", list(r))).collect();
            format!("values({} -> {})", rows.join(" "), cols(columns))
        }
        Rel::Constants { chunks, columns } => {
            let rows: usize = chunks.iter().map(|c| c.rows).sum();
            format!("constants({rows} -> {})", cols(columns))
        }
        Rel::Function { proc: p, args, columns } => {
            format!("{}({}) -> {}", proc(*p), list(args), cols(columns))
        }
        Rel::Project { input, items } => {
            format!("project({}; {})", rel(input), named(items.iter().map(|(e, c)| (expr(e), c.0))))
        }
        Rel::Filter { input, predicate } => format!("filter({}; {})", rel(input), expr(predicate)),
        Rel::Join { kind, left, right, on, lateral } => {
            let kind = match kind {
                JoinKind::Inner => "inner",
                JoinKind::Left => "left",
                JoinKind::Right => "right",
                JoinKind::Full => "full",
            };
            let lateral = if *lateral { " lateral" } else { "" };
            let on = on.as_ref().map_or_else(String::new, |e| format!("; {}", expr(e)));
            format!("{kind}{lateral}({}, {}{on})", rel(left), rel(right))
        }
        Rel::Aggregate { input, group, aggregates } => {
            let group = named(group.iter().map(|(e, c)| (expr(e), c.0)));
            let calls = named(aggregates.iter().map(|(a, c)| (aggregate(a), c.0)));
            format!("aggregate({}; {group}; {calls})", rel(input))
        }
        Rel::GroupingSets { input, set, sets, group, aggregates } => {
            let group = named(group.iter().map(|(e, c)| (expr(e), c.0)));
            let calls = named(aggregates.iter().map(|(a, c)| (aggregate(a), c.0)));
            format!("sets({}; #{} {sets:?}; {group}; {calls})", rel(input), set.0)
        }
        Rel::ProjectSet { input, calls, ordinality } => {
            let calls: Vec<String> = calls
                .iter()
                .map(|c| format!("{}({}) -> {}", proc(c.proc), list(&c.args), cols(&c.columns)))
                .collect();
            let number = ordinality.map_or_else(String::new, |c| format!("; #{}", c.0));
            format!("sets({}; {}{number})", rel(input), calls.join(", "))
        }
        Rel::Window { input, calls } => {
            format!("window({}; {})", rel(input), named(calls.iter().map(|(w, c)| (window(w), c.0))))
        }
        Rel::Distinct { input } => format!("distinct({})", rel(input)),
        Rel::SetOp { op, all, left, right, left_columns: _, right_columns: _, columns } => {
            let op = match op {
                SetOp::Union => "union",
                SetOp::Intersect => "intersect",
                SetOp::Except => "except",
            };
            let all = if *all { " all" } else { "" };
            format!("{op}{all}({}, {} -> {})", rel(left), rel(right), cols(columns))
        }
        Rel::Sort { input, keys: k } => format!("sort({}; {})", rel(input), keys(k)),
        Rel::Limit { input, count, offset, ties } => {
            let text = |e: &Option<Expr>| e.as_ref().map_or_else(|| "-".to_owned(), expr);
            let ties = if ties.is_empty() { String::new() } else { format!("; ties {}", keys(ties)) };
            format!("limit({}; {}, {}{ties})", rel(input), text(count), text(offset))
        }
        Rel::With { ctes, body } => {
            let ctes: Vec<String> = ctes.iter().map(|c| format!("{} = {}", c.id.0, rel(&c.rel))).collect();
            format!("with({}; {})", ctes.join(", "), rel(body))
        }
        Rel::Recursive { working, all, start, step, start_columns: _, step_columns: _, columns } => {
            let all = if *all { " all" } else { "" };
            format!("recursive{all} {}({}, {} -> {})", working.0, rel(start), rel(step), cols(columns))
        }
        Rel::CteRef { cte, columns } => format!("cte({} -> {})", cte.0, cols(columns)),
    }
}
