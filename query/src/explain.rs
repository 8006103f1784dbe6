//! EXPLAIN: the physical plan as a tree, and per scan which predicates storage evaluates.
//!
//! Must not know sessions. With ANALYZE the plan is run first, and rows are counted where they were really read.

use crate::failure::from_datafusion;
use crate::lower::{BindingsExec, QueryContext, SharedExec, physical_plan, plan_query, run};
use crate::scan::ScanExec;
use base::Result;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use futures::TryStreamExt;
use regex::Regex;
use sql::bound::{ColRef, Rel};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The lines that EXPLAIN shows for a relation.
pub(crate) async fn explain(
    context: &QueryContext,
    rel: &Rel,
    output: &[ColRef],
    analyze: bool,
) -> Result<Vec<String>> {
    let logical = plan_query(context, rel, output)?;
    let plan = physical_plan(context, &logical).await?;
    let started = context.statement.clock.monotonic_us();
    if analyze {
        let mut rows = run(context, Arc::clone(&plan), output)?;
        while rows.try_next().await?.is_some() {}
    }
    let mut lines = Vec::new();
    describe(&plan, 0, analyze, &mut lines).map_err(from_datafusion)?;
    let names = Names::of(context, rel);
    let mut lines: Vec<String> = lines.iter().map(|line| names.readable(line)).collect();
    if analyze {
        let micros = context.statement.clock.monotonic_us().saturating_sub(started);
        lines.push(format!("Execution Time: {}.{:03} ms", micros / 1_000, micros % 1_000));
    }
    Ok(lines)
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
    depth: usize,
    analyze: bool,
    lines: &mut Vec<String>,
) -> datafusion::common::Result<()> {
    let indent = "  ".repeat(depth);
    let arrow = if depth == 0 { "" } else { "->  " };
    let mut line = format!("{indent}{arrow}{}", displayable(plan.as_ref()).one_line().to_string().trim_end());
    if analyze && let Some(rows) = plan.metrics().and_then(|m| m.output_rows()) {
        let _ = write!(line, "  (actual rows={rows})");
    }
    lines.push(line);
    let delegate = plan.downcast_delegate();
    let scan = (plan.as_ref() as &dyn std::any::Any).downcast_ref::<ScanExec>();
    debug_assert!(delegate.is_none() || scan.is_none(), "our scan delegates to no other");
    if let Some(scan) = scan {
        describe_scan(scan, &indent, analyze, lines);
    }
    let bindings = (plan.as_ref() as &dyn std::any::Any).downcast_ref::<BindingsExec>();
    let computed = bindings.and_then(BindingsExec::computed);
    let shared = (plan.as_ref() as &dyn std::any::Any).downcast_ref::<SharedExec>();
    let shared = shared.map(SharedExec::computed).unwrap_or_default();
    for child in plan.children().into_iter().chain(computed).chain(shared) {
        describe(child, depth + 1, analyze, lines)?;
    }
    Ok(())
}

fn describe_scan(scan: &ScanExec, indent: &str, analyze: bool, lines: &mut Vec<String>) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for predicate in scan.pushed() {
        lines.push(format!("{indent}      pushed: {predicate}"));
    }
    for (predicate, why) in scan.kept() {
        lines.push(format!("{indent}      not pushed: {predicate} ({why})"));
    }
    for filter in scan.dynamic() {
        lines.push(format!("{indent}      narrowed by: {filter}"));
    }
    let metrics = scan.scan_metrics();
    lines.push(format!(
        "{indent}      tablets pruned: {} of {}, segments pruned: {} of {}",
        of(&metrics.tablets_pruned),
        of(&metrics.tablets_total),
        of(&metrics.segments_pruned),
        of(&metrics.segments_total),
    ));
    if analyze {
        lines.push(format!(
            "{indent}      rows read: {}, rows yielded: {}",
            of(&metrics.rows_read),
            of(&metrics.rows_output),
        ));
    }
}
