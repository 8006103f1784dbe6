//! Functions, aggregates, operators and casts by name and OID.

use super::rows::rows_of;
use base::id::Oid;
use std::collections::HashMap;
use std::sync::OnceLock;

/// pg_namespace.oid of pg_catalog; all other functions are in information_schema.
const PG_CATALOG: Oid = Oid(11);

/// pg_proc.prokind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcKind {
    Function,
    Aggregate,
    Window,
    Procedure,
}

/// A row of pg_proc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proc {
    pub oid: Oid,
    pub name: &'static str,
    pub kind: ProcKind,
    /// Types of the input arguments; the last one is the array type when `variadic` is set.
    pub args: Vec<Oid>,
    /// Names of the input arguments, empty for one without; none at all when no argument has a name.
    pub arg_names: Vec<String>,
    pub result: Oid,
    pub strict: bool,
    /// Element type of the variadic argument.
    pub variadic: Option<Oid>,
    pub returns_set: bool,
    /// i immutable, s stable, v volatile.
    pub volatility: char,
    /// Number of arguments, counted from the last one, that have defaults.
    pub defaults: usize,
    /// pg_namespace.oid.
    pub namespace: Oid,
    /// pg_proc.prosrc: name of PostgreSQL's own implementation, or SQL text.
    pub source: &'static str,
    /// Names of the result columns of a function that returns records; empty for others.
    pub out_names: Vec<String>,
    /// Types of the result columns of a function that returns records.
    pub out_types: Vec<Oid>,
}

/// A row of pg_operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    pub oid: Oid,
    pub name: &'static str,
    /// 0 for a prefix operator.
    pub left: Oid,
    pub right: Oid,
    pub result: Oid,
    /// pg_proc OID of the implementation.
    pub proc: Oid,
    /// Commutator and negator operators; 0 for none.
    pub commutator: Oid,
    pub negator: Oid,
}

/// When a cast may be used: pg_cast.castcontext. Ordered from narrow to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    Implicit,
    Assignment,
    Explicit,
}

/// How a cast is done: pg_cast.castmethod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastMethod {
    Function(Oid),
    InOut,
    Binary,
}

/// A row of pg_cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CastRow {
    pub source: Oid,
    pub target: Oid,
    pub context: CastContext,
    pub method: CastMethod,
}

/// A row of pg_aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    pub proc: Oid,
    /// n normal, o ordered set, h hypothetical set.
    pub kind: char,
    pub direct_args: usize,
    /// Operator that sorts the wanted value first (min, max); 0 for none.
    pub sort_operator: Oid,
}

#[derive(Default)]
struct Index {
    procs: Vec<Proc>,
    proc_by_oid: HashMap<Oid, usize>,
    procs_by_name: HashMap<String, Vec<usize>>,
    operators: HashMap<&'static str, Vec<Operator>>,
    casts: HashMap<(Oid, Oid), CastRow>,
    aggregates: HashMap<Oid, Aggregate>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index::default();
        index.read_procs();
        index.read_operators();
        index.read_casts();
        index
    })
}

/// All functions, by OID.
pub fn procs() -> &'static [Proc] {
    &index().procs
}

pub fn proc(oid: Oid) -> Option<&'static Proc> {
    let index = index();
    index.proc_by_oid.get(&oid).and_then(|i| index.procs.get(*i))
}

/// The functions of pg_catalog that have a name, those of information_schema by its name and a point before theirs; by
/// OID.
pub fn procs_named(name: &str) -> impl Iterator<Item = &'static Proc> {
    let index = index();
    index.procs_by_name.get(name).into_iter().flatten().filter_map(|i| index.procs.get(*i))
}

/// The operators that have a name, by OID.
pub fn operators(name: &str) -> &'static [Operator] {
    index().operators.get(name).map_or(&[], Vec::as_slice)
}

/// All operators, in no order.
pub fn all_operators() -> impl Iterator<Item = &'static Operator> {
    index().operators.values().flatten()
}

/// The row of pg_cast from one type to another.
pub fn cast(source: Oid, target: Oid) -> Option<&'static CastRow> {
    index().casts.get(&(source, target))
}

/// All casts, in no order.
pub fn casts() -> impl Iterator<Item = &'static CastRow> {
    index().casts.values()
}

pub fn aggregate(proc: Oid) -> Option<&'static Aggregate> {
    index().aggregates.get(&proc)
}

impl Index {
    fn read_procs(&mut self) {
        for row in rows_of("pg_proc") {
            let (out_names, out_types) = outputs(
                row.optional("proargmodes"),
                row.optional("proargnames"),
                row.optional("proallargtypes"),
            );
            self.procs.push(Proc {
                oid: row.oid("oid"),
                name: row.text("proname"),
                kind: match row.character("prokind") {
                    'a' => ProcKind::Aggregate,
                    'w' => ProcKind::Window,
                    'p' => ProcKind::Procedure,
                    _ => ProcKind::Function,
                },
                args: row.oids("proargtypes"),
                arg_names: inputs(row.optional("proargmodes"), row.optional("proargnames")),
                result: row.oid("prorettype"),
                strict: row.flag("proisstrict"),
                variadic: Some(row.oid("provariadic")).filter(|o| *o != Oid(0)),
                returns_set: row.flag("proretset"),
                volatility: row.character("provolatile"),
                defaults: row.number("pronargdefaults"),
                namespace: row.oid("pronamespace"),
                source: row.text("prosrc"),
                out_names,
                out_types,
            });
        }
        for (i, proc) in self.procs.iter().enumerate() {
            self.proc_by_oid.insert(proc.oid, i);
            let name = match proc.namespace {
                PG_CATALOG => proc.name.to_owned(),
                _ => format!("information_schema.{}", proc.name),
            };
            self.procs_by_name.entry(name).or_default().push(i);
        }
        for row in rows_of("pg_aggregate") {
            let proc = row.oid("aggfnoid");
            let aggregate = Aggregate {
                proc,
                kind: row.character("aggkind"),
                direct_args: row.number("aggnumdirectargs"),
                sort_operator: row.oid("aggsortop"),
            };
            self.aggregates.insert(proc, aggregate);
        }
    }

    fn read_operators(&mut self) {
        let mut operators: HashMap<&'static str, Vec<Operator>> = HashMap::new();
        for row in rows_of("pg_operator") {
            operators.entry(row.text("oprname")).or_default().push(Operator {
                oid: row.oid("oid"),
                name: row.text("oprname"),
                left: row.oid("oprleft"),
                right: row.oid("oprright"),
                result: row.oid("oprresult"),
                proc: row.oid("oprcode"),
                commutator: row.oid("oprcom"),
                negator: row.oid("oprnegate"),
            });
        }
        self.operators = operators;
    }

    fn read_casts(&mut self) {
        for row in rows_of("pg_cast") {
            let (source, target) = (row.oid("castsource"), row.oid("casttarget"));
            let context = match row.character("castcontext") {
                'i' => CastContext::Implicit,
                'a' => CastContext::Assignment,
                _ => CastContext::Explicit,
            };
            let method = match row.character("castmethod") {
                'f' => CastMethod::Function(row.oid("castfunc")),
                'i' => CastMethod::InOut,
                _ => CastMethod::Binary,
            };
            self.casts.insert((source, target), CastRow { source, target, context, method });
        }
    }
}

/// The items of the text form of an array without quotes that matter here.
fn items(text: &str) -> Vec<String> {
    text.trim_matches(|c| c == '{' || c == '}').split(',').map(|s| s.trim_matches('"').to_owned()).collect()
}

/// Names of the arguments that a call gives.
fn inputs(modes: Option<&str>, names: Option<&str>) -> Vec<String> {
    let Some(names) = names.map(items) else { return Vec::new() };
    let Some(modes) = modes.map(items) else { return names };
    let inputs = names.into_iter().zip(modes).filter(|(_, mode)| matches!(mode.as_str(), "i" | "b" | "v"));
    inputs.map(|(name, _)| name).collect()
}

/// Names and types of OUT, INOUT and TABLE arguments from the text forms of pg_proc's arrays.
fn outputs(modes: Option<&str>, names: Option<&str>, types: Option<&str>) -> (Vec<String>, Vec<Oid>) {
    let (Some(modes), Some(types)) = (modes, types) else { return (Vec::new(), Vec::new()) };
    let names = names.map(items).unwrap_or_default();
    items(modes)
        .iter()
        .zip(items(types))
        .enumerate()
        .filter(|(_, (mode, _))| matches!(mode.as_str(), "o" | "b" | "t"))
        .filter_map(|(i, (_, ty))| Some((names.get(i).cloned().unwrap_or_default(), Oid(ty.parse().ok()?))))
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::{CastContext, CastMethod, aggregate, cast, operators, proc, procs, procs_named};
    use base::id::Oid;
    use types::sql_type::oid;

    #[test]
    fn operators_know_their_functions() {
        let int4pl = operators("+").iter().find(|o| o.left == oid::INT4 && o.right == oid::INT4).unwrap();
        assert_eq!(proc(int4pl.proc).map(|p| p.name), Some("int4pl"));
        for name in ["=", "<", "||", "~~", "+", "-", "*", "/", "@>"] {
            assert!(operators(name).iter().all(|o| o.proc != Oid(0)), "{name}");
        }
    }

    #[test]
    fn casts_and_aggregates_are_read() {
        let row = cast(oid::INT4, oid::INT8).unwrap();
        assert_eq!((row.context, row.method), (CastContext::Implicit, CastMethod::Function(Oid(481))));
        assert_eq!(cast(oid::TEXT, oid::VARCHAR).map(|c| c.method), Some(CastMethod::Binary));
        assert_eq!(procs_named("count").filter(|p| aggregate(p.oid).is_some()).count(), 2);
        assert!(procs().len() > 3_000);
        let sums: Vec<_> = procs_named("sum").filter(|p| aggregate(p.oid).is_none()).collect();
        assert!(sums.is_empty(), "{sums:?}");
    }

    #[test]
    fn result_columns_of_record_functions_are_known() {
        let keywords = procs_named("pg_get_keywords").next().unwrap();
        assert_eq!(keywords.out_names, ["word", "catcode", "barelabel", "catdesc", "baredesc"]);
        assert_eq!(keywords.out_types.len(), 5);
    }
}
