//! EXPLAIN: the physical plan as a tree, and per scan which predicates storage evaluates.
//!
//! Must not know sessions. Rows are counted where they were really read.

use crate::failure::from_datafusion;
use crate::lower::{BindingsExec, QueryContext, RowByRowExec, SharedExec, physical_plan, plan_query};
use crate::scan::ScanExec;
use base::Result;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use regex::Regex;
use sql::bound::{ColRef, Rel};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use types::json::write_string;

/// What is shown of each operator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) actual_rows: bool,
    pub(crate) estimates: bool,
}

/// An operator and what it works on.
#[derive(Debug, Default)]
pub(crate) struct PlanNode {
    kind: String,
    line: String,
    /// What the part of a statement is called that the operator stands for.
    pub(crate) part: Option<String>,
    rows: Option<usize>,
    actual_rows: Option<usize>,
    /// Names and values, in order.
    facts: Vec<(&'static str, Fact)>,
    pub(crate) children: Vec<PlanNode>,
}

#[derive(Debug)]
enum Fact {
    Text(String),
    Number(u64),
    List(Vec<String>),
}

impl PlanNode {
    /// What writes rows; `line` says how and where.
    pub(crate) fn write(operation: &str, relation: &str) -> Self {
        let facts = vec![
            ("Operation", Fact::Text(operation.to_owned())),
            ("Relation Name", Fact::Text(relation.to_owned())),
        ];
        let (kind, line) = ("ModifyTable".to_owned(), format!("{operation} on {relation}"));
        Self { kind, line, facts, ..Self::default() }
    }

    /// Names of the columns that it yields.
    pub(crate) fn yields(&mut self, names: Vec<String>) {
        self.facts.insert(0, ("Output", Fact::List(names)));
    }

    /// The lines of the tree, from a depth on.
    pub(crate) fn lines(&self, depth: usize, lines: &mut Vec<String>) {
        let mut depth = depth;
        if let Some(part) = &self.part {
            lines.push(format!("{}{part}", "  ".repeat(depth)));
            depth += 1;
        }
        let indent = "  ".repeat(depth);
        let arrow = if depth == 0 { "" } else { "->  " };
        let mut line = format!("{indent}{arrow}{}", self.line);
        if let Some(rows) = self.rows {
            let _ = write!(line, "  (rows={rows})");
        }
        if let Some(rows) = self.actual_rows {
            let _ = write!(line, "  (actual rows={rows})");
        }
        lines.push(line);
        for (name, fact) in &self.facts {
            match (*name, fact) {
                // They are in the line.
                ("Operation" | "Relation Name", _) => {}
                ("Output", Fact::List(names)) => {
                    lines.push(format!("{indent}      Output: {}", names.join(", ")))
                }
                ("Pushed", Fact::List(all)) => {
                    lines.extend(all.iter().map(|one| format!("{indent}      pushed: {one}")));
                }
                ("Not Pushed", Fact::List(all)) => {
                    lines.extend(all.iter().map(|one| format!("{indent}      not pushed: {one}")));
                }
                ("Narrowed By", Fact::List(all)) => {
                    lines.extend(all.iter().map(|one| format!("{indent}      narrowed by: {one}")));
                }
                _ => {}
            }
        }
        let number = |wanted: &str| {
            self.facts.iter().find_map(|(name, fact)| match fact {
                Fact::Number(number) if *name == wanted => Some(*number),
                _ => None,
            })
        };
        if let (Some(pruned), Some(tablets)) = (number("Tablets Pruned"), number("Tablets")) {
            let (less, segments) = (number("Segments Pruned"), number("Segments"));
            lines.push(format!(
                "{indent}      tablets pruned: {pruned} of {tablets}, segments pruned: {} of {}",
                less.unwrap_or(0),
                segments.unwrap_or(0),
            ));
        }
        if let (Some(read), Some(yielded)) = (number("Rows Read"), number("Rows Yielded")) {
            lines.push(format!("{indent}      rows read: {read}, rows yielded: {yielded}"));
        }
        self.children.iter().for_each(|child| child.lines(depth + 1, lines));
    }

    /// The tree as PostgreSQL's JSON, behind so many blanks.
    pub(crate) fn json(&self, indent: usize, relationship: Option<&str>, out: &mut String) {
        let mut fields: Vec<(&str, String)> = vec![("Node Type", quoted(&self.kind))];
        if let Some(relationship) = relationship {
            let relationship = if self.part.is_some() { "InitPlan" } else { relationship };
            fields.push(("Parent Relationship", quoted(relationship)));
        }
        fields.extend(self.part.iter().map(|part| ("Subplan Name", quoted(part))));
        fields.push(("Operator", quoted(&self.line)));
        fields.extend(self.rows.map(|rows| ("Plan Rows", rows.to_string())));
        fields.extend(self.actual_rows.map(|rows| ("Actual Rows", rows.to_string())));
        for (name, fact) in &self.facts {
            fields.push((
                name,
                match fact {
                    Fact::Text(text) => quoted(text),
                    Fact::Number(number) => number.to_string(),
                    Fact::List(all) => {
                        let all: Vec<String> = all.iter().map(|one| quoted(one)).collect();
                        format!("[{}]", all.join(", "))
                    }
                },
            ));
        }
        let blanks = " ".repeat(indent);
        out.push_str("{\n");
        for (place, (name, value)) in fields.iter().enumerate() {
            let comma = if place == 0 { "" } else { ",\n" };
            let _ = write!(out, "{comma}{blanks}  {}: {value}", quoted(name));
        }
        if !self.children.is_empty() {
            let _ = write!(out, ",\n{blanks}  \"Plans\": [\n");
            for (place, child) in self.children.iter().enumerate() {
                let relationship = if place == 0 { "Outer" } else { "Inner" };
                let _ = write!(out, "{}{blanks}    ", if place == 0 { "" } else { ",\n" });
                child.json(indent + 4, Some(relationship), out);
            }
            let _ = write!(out, "\n{blanks}  ]");
        }
        let _ = write!(out, "\n{blanks}}}");
    }
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(text, &mut out);
    out
}

/// The tree of a relation that is not run.
pub(crate) async fn planned(
    context: &QueryContext,
    rel: &Rel,
    output: &[ColRef],
    shown: Shown,
) -> Result<PlanNode> {
    let logical = plan_query(context, rel, output)?;
    let plan = physical_plan(context, &logical).await?;
    described(context, rel, &plan, shown)
}

/// The tree of a plan of a relation.
pub(crate) fn described(
    context: &QueryContext,
    rel: &Rel,
    plan: &Arc<dyn ExecutionPlan>,
    shown: Shown,
) -> Result<PlanNode> {
    describe(plan, shown, &Names::of(context, rel)).map_err(from_datafusion)
}

/// What columns are called by the user: `c<n>` is a table's column.
struct Names {
    columns: HashMap<String, String>,
    patterns: Option<Patterns>,
}

struct Patterns {
    /// A column of a plan, perhaps behind the name of a scan and with its place.
    column: Regex,
    /// A literal with its type.
    literal: Regex,
    decimal: Regex,
}

impl Names {
    fn of(context: &QueryContext, rel: &Rel) -> Self {
        let mut columns = HashMap::new();
        crate::lower::scans(rel, &mut |scan| {
            let table = context.statement.catalog.table(scan.table);
            for (id, column) in &scan.columns {
                if let Some(stored) = table.and_then(|t| t.column(*id)) {
                    columns.insert(format!("c{}", column.col.0), format!("{}.{}", scan.alias, stored.name));
                }
            }
        });
        let patterns = || {
            Ok::<_, regex::Error>(Patterns {
                column: Regex::new(r"\b(?:t\d+\.)?(c\d+)\b(?:@\d+)?")?,
                literal: Regex::new(
                    r#"\b(?:Utf8View|Boolean|U?Int(?:16|32|64)|Float(?:32|64)|Date32)\(("(?:[^"\\]|\\.)*"|[^()"]*)\)"#,
                )?,
                decimal: Regex::new(r"\bDecimal128\((-?[0-9.]+),\d+,-?\d+\)")?,
            })
        };
        Self { columns, patterns: patterns().ok() }
    }

    fn readable(&self, line: &str) -> String {
        let Some(patterns) = &self.patterns else { return line.to_owned() };
        let line = patterns.column.replace_all(line, |found: &regex::Captures<'_>| {
            let name = found.get(1).map_or("", |m| m.as_str());
            self.columns.get(name).cloned().unwrap_or_else(|| name.to_owned())
        });
        let line = patterns.literal.replace_all(&line, "$1");
        patterns.decimal.replace_all(&line, "$1").into_owned()
    }
}

fn describe(
    plan: &Arc<dyn ExecutionPlan>,
    shown: Shown,
    names: &Names,
) -> datafusion::common::Result<PlanNode> {
    let line = displayable(plan.as_ref()).one_line().to_string();
    let mut node = PlanNode {
        kind: plan.name().to_owned(),
        line: names.readable(line.trim_end()),
        ..PlanNode::default()
    };
    if shown.estimates {
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        node.rows = statistics.num_rows.get_value().copied();
    }
    if shown.actual_rows {
        node.actual_rows = plan.metrics().and_then(|m| m.output_rows());
    }
    let delegate = plan.downcast_delegate();
    let own = plan.as_ref() as &dyn std::any::Any;
    let scan = own.downcast_ref::<ScanExec>();
    debug_assert!(delegate.is_none() || scan.is_none(), "our scan delegates to no other");
    if let Some(scan) = scan {
        node.facts = scan_facts(scan, shown.actual_rows, names);
    }
    let computed = own.downcast_ref::<BindingsExec>().and_then(BindingsExec::computed);
    let shared = own.downcast_ref::<SharedExec>().map(SharedExec::computed).unwrap_or_default();
    let input = own.downcast_ref::<RowByRowExec>().map(RowByRowExec::input);
    for child in plan.children().into_iter().chain(computed).chain(shared).chain(input) {
        node.children.push(describe(child, shown, names)?);
    }
    Ok(node)
}

fn scan_facts(scan: &ScanExec, actual: bool, names: &Names) -> Vec<(&'static str, Fact)> {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut facts = Vec::new();
    let mut list = |name, all: Vec<String>| {
        if !all.is_empty() {
            facts.push((name, Fact::List(all.iter().map(|one| names.readable(one)).collect())));
        }
    };
    list("Pushed", scan.pushed().iter().map(ToString::to_string).collect());
    list("Not Pushed", scan.kept().map(|(predicate, why)| format!("{predicate} ({why})")).collect());
    list("Narrowed By", scan.dynamic().iter().map(ToString::to_string).collect());
    let metrics = scan.scan_metrics();
    let mut number = |name, counter: &AtomicU64| facts.push((name, Fact::Number(of(counter))));
    number("Tablets Pruned", &metrics.tablets_pruned);
    number("Tablets", &metrics.tablets_total);
    number("Segments Pruned", &metrics.segments_pruned);
    number("Segments", &metrics.segments_total);
    if actual {
        number("Rows Read", &metrics.rows_read);
        number("Rows Yielded", &metrics.rows_output);
    }
    facts
}
