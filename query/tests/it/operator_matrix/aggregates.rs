//! Aggregates over small sets of edge values: by groups in one query where PostgreSQL has an answer for the set.

use super::Answer;
use super::ours::Ours;
use super::postgres::Postgres;
use super::tally::Tally;
use super::values::{FIXED_NUMERICS, edges, literal};
use base::id::Oid;
use catalog::builtin::{self, ProcKind};
use query::api::is_attached;
use types::sql_type::oid;

/// An aggregate over columns `v.c0`, `v.c1` of given types.
#[derive(Debug)]
pub(crate) struct Call {
    label: String,
    expression: String,
    types: Vec<(&'static str, &'static [&'static str])>,
}

pub(crate) fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for proc in builtin::procs().iter().filter(|p| p.kind == ProcKind::Aggregate && is_attached(p.oid)) {
        if builtin::aggregate(proc.oid).is_none_or(|a| a.kind != 'n') || proc.args.len() > 2 {
            continue;
        }
        let elements: &[Oid] = match proc.args.iter().any(|t| edges(*t).is_none()) {
            true => &[oid::INT4, oid::TEXT, oid::NUMERIC],
            false => &[oid::INT4],
        };
        for element in elements {
            let concrete = |t: &Oid| edges(*t).or_else(|| edges(*element));
            let Some(types) = proc.args.iter().map(concrete).collect::<Option<Vec<_>>>() else { continue };
            calls.extend(of_types(proc.oid, proc.name, &types));
        }
    }
    calls
}

fn of_types(oid: Oid, name: &str, types: &[(&'static str, &'static [&'static str])]) -> Vec<Call> {
    let list = (0..types.len()).map(|i| format!("v.c{i}")).collect::<Vec<_>>().join(", ");
    let ordered = matches!(name, "array_agg" | "string_agg") || name.starts_with("json");
    let expressions = match types.len() {
        0 => vec![format!("{name}(*)")],
        1 if ordered => vec![format!("{name}({list} ORDER BY v.i)")],
        1 => vec![
            format!("{name}({list})"),
            format!("{name}(DISTINCT {list})"),
            format!("{name}({list}) FILTER (WHERE v.i % 2 = 0)"),
        ],
        _ if ordered => vec![format!("{name}({list} ORDER BY v.i)")],
        _ => vec![format!("{name}({list})")],
    };
    let mut calls = Vec::new();
    for expression in expressions {
        let kinds: Vec<_> = types.iter().map(|t| t.0).collect();
        let label = format!("{} {expression} of {}", oid.0, kinds.join(", "));
        calls.push(Call { label: label.clone(), expression: expression.clone(), types: types.to_vec() });
        if types.len() == 1 && types[0].0 == "numeric" {
            for fixed in ["numeric(22,2)", "numeric(60,5)"] {
                calls.push(Call {
                    label: format!("{label} as {fixed}"),
                    expression: expression.replace("v.c0", &format!("v.c0::{fixed}")),
                    types: vec![("numeric", FIXED_NUMERICS)],
                });
            }
        }
    }
    calls
}

impl Call {
    /// Sets of rows: all values, pairs of neighbours, with and without nulls.
    fn sets(&self) -> Vec<Vec<String>> {
        let longest = self.types.iter().map(|t| t.1.len()).max().unwrap_or(2);
        let row = |i: usize| {
            let columns = self.types.iter().enumerate().map(|(n, (ty, values))| {
                // The second column runs the other way, so that pairs are of different values.
                let place = if n == 0 { i } else { longest.wrapping_sub(1).wrapping_sub(i) };
                let value = values.get(place % (values.len() + 1)).copied();
                literal(if i > longest { None } else { value }, ty)
            });
            columns.collect::<Vec<_>>().join(", ")
        };
        let null = row(longest + 1);
        let mut sets = vec![vec![null.clone()], (0..longest).map(row).collect()];
        for i in 0..longest {
            sets.push(vec![row(i), row((i + 1) % longest)]);
            sets.push(vec![row(i), null.clone()]);
            sets.push(vec![row(i), row(i), row((i + 3) % longest)]);
        }
        sets
    }

    fn names(&self) -> String {
        (0..self.types.len()).map(|i| format!(", c{i}")).collect()
    }

    fn values(g: usize, set: &[String]) -> String {
        let rows = set.iter().enumerate().map(|(i, row)| match row.is_empty() {
            true => format!("({g}, {i})"),
            false => format!("({g}, {i}, {row})"),
        });
        rows.collect::<Vec<_>>().join(", ")
    }

    fn single(&self, set: &[String]) -> String {
        let (values, names) = (Self::values(0, set), self.names());
        format!("SELECT {} FROM (VALUES {values}) AS v(g, i{names})", self.expression)
    }
}

pub(crate) async fn run(call: &Call, postgres: &Postgres, ours: &mut Ours, tally: &mut Tally) {
    let sets = call.sets();
    let names = call.names();
    let mut single: Vec<String> = sets.iter().map(|set| call.single(set)).collect();
    single.push(format!("{} WHERE false", call.single(&sets[0])));
    let expressions: Vec<String> = single.iter().map(|sql| format!("({sql})")).collect();
    let theirs = postgres.answers(&expressions).await;
    let fine: Vec<usize> = (0..sets.len()).filter(|i| !theirs[*i].is_error()).collect();
    let grouped = |items: &[usize]| {
        let values = items.iter().map(|g| Call::values(*g, &sets[*g])).collect::<Vec<_>>().join(", ");
        format!("SELECT v.g, {} FROM (VALUES {values}) AS v(g, i{names}) GROUP BY v.g", call.expression)
    };
    for (g, answer) in ours.bisected(&fine, &grouped).await {
        tally.add(&call.label, &format!("{} by groups", single[g]), &answer, &theirs[g]);
    }
    for i in 0..single.len() {
        // A few of those that have answers, all that fail.
        if i < 4 || i + 1 == single.len() || theirs[i].is_error() {
            let answer: Answer = ours.single(&single[i]).await;
            tally.add(&call.label, &single[i], &answer, &theirs[i]);
        }
    }
}
