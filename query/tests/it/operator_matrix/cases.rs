//! Which expressions are compared, and how: over columns, as constants, and one by one where PostgreSQL fails.

use super::ours::Ours;
use super::postgres::Postgres;
use super::tally::Tally;
use super::values::{FIXED_NUMERICS, SCALARS, edges, literal, special};
use super::{Answer, exclusions};
use base::id::Oid;
use catalog::builtin::{self, Proc, ProcKind};
use query::api::is_attached;
use std::collections::{BTreeMap, HashMap, HashSet};
use types::sql_type::{array_of, oid};

/// Cases of one way of writing a function: of its main way, with fixed scales, of further ways.
const CASES_MAX: usize = 200;
const FIXED_CASES_MAX: usize = 36;
const FURTHER_CASES_MAX: usize = 12;
/// Expressions that are also asked for as constants, and failing ones that are asked for at all.
const CONSTANTS_MAX: usize = 6;
const ERRORS_MAX: usize = 4;

/// An expression with `{0}`, `{1}` for its operands, and the values that they take.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) label: String,
    pub(crate) template: String,
    pub(crate) operands: Vec<Operand>,
    pub(crate) cases_max: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Operand {
    ty: &'static str,
    /// A type with modifier that the operand is cast to.
    cast: Option<&'static str>,
    values: &'static [&'static str],
}

impl Operand {
    fn of(ty: Oid) -> Option<Self> {
        let (ty, values) = edges(ty)?;
        Some(Self { ty, cast: None, values })
    }

    fn written(&self, value: &str) -> String {
        match self.cast {
            Some(cast) => format!("({value})::{cast}"),
            None => format!("({value})"),
        }
    }
}

impl Call {
    fn new(label: String, template: String, operands: Vec<Operand>, cases_max: usize) -> Self {
        Self { label, template, operands, cases_max }
    }

    fn written(&self, operands: impl Iterator<Item = String>) -> String {
        let mut text = self.template.clone();
        for (i, (operand, value)) in self.operands.iter().zip(operands).enumerate() {
            text = text.replace(&format!("{{{i}}}"), &operand.written(&value));
        }
        format!("({text})")
    }

    fn literals(&self, row: &[Option<&str>]) -> Vec<String> {
        self.operands.iter().zip(row).map(|(o, v)| literal(*v, o.ty)).collect()
    }

    /// Rows of the crossed values, at most `cases_max`, evenly spread.
    fn rows(&self) -> Vec<Vec<Option<&'static str>>> {
        let total: usize = self.operands.iter().map(|o| o.values.len() + 1).product();
        let count = total.min(self.cases_max);
        (0..count)
            .map(|i| {
                let mut place = i * total / count;
                self.operands
                    .iter()
                    .map(|o| {
                        let value = o.values.get(place % (o.values.len() + 1)).copied();
                        place /= o.values.len() + 1;
                        value
                    })
                    .collect()
            })
            .collect()
    }
}

pub(crate) async fn run(call: &Call, postgres: &Postgres, ours: &mut Ours, tally: &mut Tally) {
    let rows = call.rows();
    let literals: Vec<Vec<String>> = rows.iter().map(|row| call.literals(row)).collect();
    let constants: Vec<String> = literals.iter().map(|l| call.written(l.iter().cloned())).collect();
    let theirs = postgres.answers(&constants).await;
    let (failing, fine): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|i| theirs[*i].is_error());
    let columns = call.written((0..call.operands.len()).map(|i| format!("v.c{i}")));
    let names: String = (0..call.operands.len()).map(|i| format!(", c{i}")).collect();
    let over_columns = |items: &[usize]| {
        let values = items.iter().map(|i| match literals[*i].is_empty() {
            true => format!("({i})"),
            false => format!("({i}, {})", literals[*i].join(", ")),
        });
        let values = values.collect::<Vec<_>>().join(", ");
        format!("SELECT v.i, {columns} FROM (VALUES {values}) AS v(i{names})")
    };
    for (i, answer) in ours.bisected(&fine, &over_columns).await {
        tally.add(&call.label, &format!("{} over columns", constants[i]), &answer, &theirs[i]);
    }
    let few = spread(&fine, CONSTANTS_MAX);
    let list = few.iter().map(|i| constants[*i].as_str()).collect::<Vec<_>>().join(", ");
    match ours.rows(&format!("SELECT {list}")).await {
        Ok(answers) => {
            for (i, answer) in few.iter().zip(answers.iter().flatten()) {
                tally.add(&call.label, &constants[*i], answer, &theirs[*i]);
            }
        }
        Err(_) => {
            for i in few {
                let answer = ours.single(&format!("SELECT {}", constants[i])).await;
                tally.add(&call.label, &constants[i], &answer, &theirs[i]);
            }
        }
    }
    // What PostgreSQL cannot resolve fails alike for all values.
    let unresolved =
        failing.iter().all(|i| matches!(&theirs[*i], Answer::Error(code) if code.starts_with("42")));
    for (n, i) in spread(&failing, if unresolved { 1 } else { ERRORS_MAX }).into_iter().enumerate() {
        let answer = match n % 2 {
            0 => ours.single(&format!("SELECT {}", constants[i])).await,
            _ => ours.single(&over_columns(&[i])).await,
        };
        tally.add(&call.label, &constants[i], &answer, &theirs[i]);
    }
}

/// At most `count` items, evenly spread.
fn spread(items: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(items.len());
    (0..count).map(|i| items[i * items.len() / count]).collect()
}

/// All calls, the number of attached functions, and those of them that are neither tested nor excluded.
pub(crate) fn calls() -> (Vec<Call>, usize, Vec<String>) {
    let mut calls = literals();
    calls.extend(casts());
    calls.extend(constructs());
    let operators = operators_by_function();
    let mut attached = 0;
    let mut untested = Vec::new();
    for proc in builtin::procs().iter().filter(|p| is_attached(p.oid)) {
        attached += 1;
        let scalar = proc.kind == ProcKind::Function && !proc.returns_set;
        if !scalar || exclusions::reason(proc.name, proc.args.len()).is_some() {
            continue;
        }
        let before = calls.len();
        of_function(proc, operators.get(&proc.oid), &mut calls);
        if calls.len() == before {
            untested.push(format!("{} {} {:?}", proc.oid.0, proc.name, proc.args));
        }
    }
    (calls, attached, untested)
}

/// The operators of each function: name and whether it is a prefix.
fn operators_by_function() -> HashMap<Oid, Vec<(&'static str, bool)>> {
    const NAMES: &[&str] = &[
        "+", "-", "*", "/", "%", "^", "|/", "||/", "@", "&", "|", "#", "~", "<<", ">>", "||", "=", "<>", "<",
        "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "!~", "~*", "!~*", "^@", "@>", "<@", "&&", "->", "->>",
        "#>", "#>>", "?", "?|", "?&", "#-", "@?", "@@",
    ];
    let mut table: HashMap<Oid, Vec<(&'static str, bool)>> = HashMap::new();
    for operator in NAMES.iter().flat_map(|name| builtin::operators(name)) {
        table.entry(operator.proc).or_default().push((operator.name, operator.left == Oid(0)));
    }
    table
}

fn of_function(proc: &Proc, operators: Option<&Vec<(&'static str, bool)>>, calls: &mut Vec<Call>) {
    let mut templates: Vec<(String, &str)> = Vec::new();
    let mut known = HashSet::new();
    for (name, prefix) in operators.into_iter().flatten() {
        if known.insert((*name, *prefix)) {
            let template = if *prefix { format!("{name} {{0}}") } else { format!("{{0}} {name} {{1}}") };
            templates.push((template, name));
        }
    }
    for types in bindings(proc) {
        let list = (0..types.len()).map(|i| format!("{{{i}}}")).collect::<Vec<_>>().join(", ");
        let mut all = templates.clone();
        all.push((format!("\"{}\"({list})", proc.name), proc.name));
        for (n, (template, name)) in all.into_iter().enumerate() {
            let Some(operands) = operands(&types, name) else { continue };
            let max = if n == 0 { CASES_MAX } else { FURTHER_CASES_MAX };
            let label = format!("{} {}({})", proc.oid.0, proc.name, joined(&operands));
            let call = Call::new(label, template, operands, max);
            if n == 0 {
                calls.extend(fixed(&call));
            }
            calls.push(call);
        }
    }
}

fn joined(operands: &[Operand]) -> String {
    operands.iter().map(|o| o.cast.unwrap_or(o.ty)).collect::<Vec<_>>().join(", ")
}

fn operands(types: &[Oid], name: &str) -> Option<Vec<Operand>> {
    let mut operands = types.iter().map(|t| Operand::of(*t)).collect::<Option<Vec<_>>>()?;
    for (i, operand) in operands.iter_mut().enumerate() {
        let chosen = special(name, i);
        if let Some(values) = chosen.filter(|_| matches!(operand.ty, "text" | "text[]") || is_number(name)) {
            operand.values = values;
        }
    }
    Some(operands)
}

/// Functions whose special arguments need not be text.
fn is_number(name: &str) -> bool {
    matches!(
        name,
        "format_type"
            | "pg_encoding_to_char"
            | "pg_char_to_encoding"
            | "make_timestamp"
            | "make_timestamptz"
            | "convert"
            | "convert_from"
            | "convert_to"
    )
}

/// Calls with numerics of fixed scales in place of free ones.
fn fixed(call: &Call) -> Vec<Call> {
    const WAYS: &[&[Option<&str>]] = &[
        &[Some("numeric(22,2)"), Some("numeric(22,2)")],
        &[Some("numeric(30,4)"), Some("numeric(22,2)")],
        &[Some("numeric(22,2)"), None],
        &[Some("numeric(60,5)"), Some("numeric(22,2)")],
    ];
    let places: Vec<usize> = (0..call.operands.len()).filter(|i| call.operands[*i].ty == "numeric").collect();
    let ways = match places.len() {
        0 => &[],
        1 => &WAYS[2..],
        _ => WAYS,
    };
    let calls = ways.iter().map(|way| {
        let mut call = call.clone();
        for (place, cast) in places.iter().zip(way.iter()) {
            let operand = &mut call.operands[*place];
            operand.cast = *cast;
            if cast.is_some() {
                operand.values = FIXED_NUMERICS;
            }
        }
        call.cases_max = FIXED_CASES_MAX;
        call.label = format!("{} with {}", call.label, joined(&call.operands));
        call
    });
    calls.collect()
}

/// Argument types with polymorphic and variadic ones bound to concrete ones.
fn bindings(proc: &Proc) -> Vec<Vec<Oid>> {
    if proc.variadic == Some(oid::ANY) {
        let fixed = &proc.args[..proc.args.len() - 1];
        let tails: [&[Oid]; 4] = [
            &[oid::TEXT],
            &[oid::INT4, oid::BOOL],
            &[oid::TEXT, oid::FLOAT8, oid::TEXT],
            &[oid::NUMERIC, oid::TIMESTAMPTZ],
        ];
        return tails.iter().map(|tail| [fixed, *tail].concat()).collect();
    }
    let polymorphic = |t: &Oid| matches!(t.0, 2276 | 2277 | 2283 | 2776 | 5077..=5079);
    if !proc.args.iter().any(polymorphic) {
        return vec![proc.args.clone()];
    }
    let elements = [oid::INT4, oid::TEXT, oid::NUMERIC, oid::FLOAT8, oid::BOOL];
    let bound = elements.into_iter().map(|element| {
        let bind = |t: &Oid| match t.0 {
            2277 | 5078 => array_of(element).unwrap(),
            2276 | 2283 | 2776 | 5077 | 5079 => element,
            _ => *t,
        };
        proc.args.iter().map(bind).collect()
    });
    bound.collect()
}

/// Every edge value in and out.
fn literals() -> Vec<Call> {
    let scalar = SCALARS.iter().filter_map(|t| Operand::of(*t));
    scalar.map(|o| Call::new(format!("literal {}", o.ty), "{0}".to_owned(), vec![o], CASES_MAX)).collect()
}

/// Casts between all scalar types, and to types with modifiers.
fn casts() -> Vec<Call> {
    const MODIFIED: &[(&str, &[Oid])] = &[
        ("varchar(3)", &[oid::TEXT, oid::BPCHAR, oid::INT4, oid::NAME]),
        ("char(3)", &[oid::TEXT, oid::BPCHAR, oid::INT4, oid::BOOL]),
        ("numeric(5,2)", &[oid::NUMERIC, oid::INT4, oid::FLOAT8, oid::TEXT]),
        ("numeric(3,0)", &[oid::NUMERIC, oid::INT8, oid::FLOAT4]),
        ("numeric(50,10)", &[oid::NUMERIC, oid::INT8, oid::FLOAT8]),
        ("timestamp(0)", &[oid::TIMESTAMP, oid::DATE, oid::TEXT]),
        ("timestamptz(2)", &[oid::TIMESTAMPTZ, oid::TIMESTAMP]),
        ("interval(0)", &[oid::INTERVAL, oid::TEXT]),
    ];
    let mut calls = Vec::new();
    let mut add = |source: Oid, target: &str| {
        let operands = vec![Operand::of(source).unwrap()];
        let label = format!("cast {} to {target}", operands[0].ty);
        let call = Call::new(label, format!("CAST({{0}} AS {target})"), operands, CASES_MAX);
        calls.extend(fixed(&call));
        calls.push(call);
    };
    for source in SCALARS {
        for target in SCALARS {
            add(*source, edges(*target).unwrap().0);
        }
    }
    for (target, sources) in MODIFIED {
        for source in *sources {
            add(*source, target);
        }
    }
    calls
}

/// Constructs that are no functions but compare or convert.
fn constructs() -> Vec<Call> {
    const TEMPLATES: &[(&str, usize)] = &[
        ("{0} IS DISTINCT FROM {1}", 2),
        ("NULLIF({0}, {1})", 2),
        ("COALESCE({0}, {1})", 2),
        ("GREATEST({0}, {1}, {2})", 3),
        ("LEAST({0}, {1}, {2})", 3),
        ("{0} IN ({1}, {2})", 3),
        ("{0} NOT IN ({1}, {2})", 3),
        ("{0} BETWEEN {1} AND {2}", 3),
        ("{0} NOT BETWEEN {1} AND {2}", 3),
        ("CASE {0} WHEN {1} THEN 1 WHEN {2} THEN 2 ELSE 3 END", 3),
        ("{0} = ANY (ARRAY[{1}, {2}])", 3),
        ("{0} <= ALL (ARRAY[{1}, {2}])", 3),
    ];
    let mut calls = Vec::new();
    for ty in SCALARS {
        for (template, count) in TEMPLATES {
            let operands = vec![Operand::of(*ty).unwrap(); *count];
            let label = format!("{template} of {}", operands[0].ty);
            calls.push(Call::new(label, (*template).to_owned(), operands, FIXED_CASES_MAX));
        }
    }
    let mut numbers: BTreeMap<&str, Oid> = BTreeMap::new();
    for ty in [oid::INT2, oid::INT8, oid::FLOAT4, oid::FLOAT8, oid::NUMERIC] {
        numbers.insert(edges(ty).unwrap().0, ty);
    }
    // Operands of different types, for which the binder chooses a common one.
    for (left, a) in &numbers {
        for (right, b) in &numbers {
            for template in
                ["{0} IN ({1})", "GREATEST({0}, {1})", "COALESCE({0}, {1})", "{0} + {1}", "{0} < {1}"]
            {
                let operands = vec![Operand::of(*a).unwrap(), Operand::of(*b).unwrap()];
                let label = format!("{template} of {left}, {right}");
                calls.push(Call::new(label, template.to_owned(), operands, FIXED_CASES_MAX));
            }
        }
    }
    calls
}
