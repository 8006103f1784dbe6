//! EXPLAIN of every statement it takes.
//!
//! Invariant: without ANALYZE nothing is run; with it the statement is run as it always is, and its rows are dropped.

use crate::api::Execution;
use crate::explain::{PlanNode, Shown, described, planned, quoted};
use crate::interrupt::{Interrupt, Running};
use crate::lower::{Noted, PlanNotes, QueryContext};
use crate::session::core::Core;
use crate::session::modifying::rows_of;
use crate::session::prepare::plan_columns;
use crate::session::rows::{ready, text_rows};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use base::id::TableId;
use base::{Error, Result};
use futures::TryStreamExt;
use sql::bound::{BoundModifying, BoundStatement, ColRef, ExplainOptions, Rel, WithPart, WithWork};
use std::sync::Arc;
use types::Datum;

/// What the plan of a statement is about.
struct Subject<'s> {
    write: Option<(&'static str, TableId)>,
    rel: &'s Rel,
    columns: Vec<ColRef>,
    names: Vec<String>,
}

impl Core {
    /// The plan of `statement` as rows.
    pub(crate) async fn explained(
        &mut self,
        statement: &BoundStatement,
        context: &QueryContext,
        options: &ExplainOptions,
        running: &mut Option<Running>,
        interrupt: &Interrupt,
    ) -> Result<Execution> {
        let shown = Shown { actual_rows: options.analyze, estimates: options.costs.unwrap_or(options.json) };
        let clock = Arc::clone(&context.statement.clock);
        let started = clock.monotonic_us();
        let threads = self.engine.shared.threads.clone();
        let (tree, label) = match options.analyze {
            false => (
                threads.starting_operators(tree(statement, context, shown, options.verbose)).await?,
                "Planning Time",
            ),
            true => {
                // Refused before anything is done.
                subject(main_of(statement))?;
                let notes = Arc::new(PlanNotes::default());
                let run = QueryContext { plans: Some(Arc::clone(&notes)), ..context.clone() };
                match Box::pin(self.carry_out(statement, &run, false, running, interrupt)).await? {
                    Execution::Rows { mut rows, .. } => while rows.try_next().await?.is_some() {},
                    Execution::Command(_) => {}
                    other => {
                        return Err(Error::internal(format!("{other:?} of a statement that is explained")));
                    }
                }
                (noted(statement, context, shown, options.verbose, notes.take())?, "Execution Time")
            }
        };
        let micros = clock.monotonic_us().saturating_sub(started);
        let time = options.summary.unwrap_or(options.analyze).then_some((label, micros));
        if options.json {
            return json(&tree, time);
        }
        let mut lines = Vec::new();
        tree.lines(0, &mut lines);
        lines.extend(time.map(|(label, us)| format!("{label}: {}.{:03} ms", us / 1_000, us % 1_000)));
        let rows: Vec<Vec<String>> = lines.into_iter().map(|line| vec![line]).collect();
        Ok(ready(plan_columns(false), text_rows(&rows)?, "EXPLAIN"))
    }
}

fn json(tree: &PlanNode, time: Option<(&str, u64)>) -> Result<Execution> {
    let mut text = "[\n  {\n    \"Plan\": ".to_owned();
    tree.json(4, None, &mut text);
    if let Some((label, us)) = time {
        text.push_str(&format!(",\n    {}: {}.{:03}", quoted(label), us / 1_000, us % 1_000));
    }
    text.push_str("\n  }\n]");
    let columns = plan_columns(true);
    let form = columns.first().map(|c| c.ty.form.clone());
    let form = form.ok_or_else(|| Error::internal("EXPLAIN without a column"))?;
    let array = types::array::from_data(&form, &[Datum::Text(text)])?;
    let schema = Arc::new(Schema::new(vec![Field::new("0", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![array]).map_err(crate::failure::from_arrow)?;
    Ok(ready(columns, batch, "EXPLAIN"))
}

fn main_of(statement: &BoundStatement) -> &BoundStatement {
    match statement {
        BoundStatement::Modifying(modifying) => &modifying.main,
        other => other,
    }
}

fn subject(statement: &BoundStatement) -> Result<Subject<'_>> {
    let (write, rel, columns): (_, &Rel, Vec<ColRef>) = match statement {
        BoundStatement::Query(query) => {
            let names = query.output.iter().map(|o| o.name.clone()).collect();
            let columns = query.output.iter().map(|o| o.col).collect();
            return Ok(Subject { write: None, rel: &query.rel, columns, names });
        }
        BoundStatement::Insert(insert) => {
            (Some(("Insert", insert.table)), &insert.source, insert.source_columns.clone())
        }
        BoundStatement::Update(update) => {
            let written = update.new_columns.iter().chain(&update.joined_columns).copied();
            let columns = std::iter::once(update.row_address).chain(written).collect();
            (Some(("Update", update.table)), &update.source, columns)
        }
        BoundStatement::Delete(delete) => {
            (Some(("Delete", delete.table)), &delete.source, vec![delete.row_address])
        }
        BoundStatement::Merge(merge) => {
            let fixed = [merge.row_address, merge.action];
            let columns = fixed.iter().chain(&merge.new_columns).copied().collect();
            (Some(("Merge", merge.table)), &merge.source, columns)
        }
        BoundStatement::CreateTableAs(create) => (None, &create.source, create.source_columns.clone()),
        _ => return Err(Error::unsupported("EXPLAIN of this statement is not supported")),
    };
    Ok(Subject { write, rel, columns, names: Vec::new() })
}

/// The tree of a statement that is not run.
async fn tree(
    statement: &BoundStatement,
    context: &QueryContext,
    shown: Shown,
    verbose: bool,
) -> Result<PlanNode> {
    let BoundStatement::Modifying(modifying) = statement else {
        let subject = subject(statement)?;
        let plan = planned(context, subject.rel, &subject.columns, shown).await?;
        return Ok(finished(&subject, Some(plan), context, verbose));
    };
    let BoundModifying { parts, main } = modifying.as_ref();
    let mut context = context.clone();
    let mut trees = Vec::with_capacity(parts.len());
    for part in parts {
        let mut tree = match &part.work {
            WithWork::Write(write) => Box::pin(tree(write, &context, shown, false)).await?,
            WithWork::Rows(rel) => {
                let columns: Vec<ColRef> = part.columns.iter().map(|c| c.col).collect();
                planned(&context, rel, &columns, shown).await?
            }
        };
        tree.part = Some(format!("CTE {}", part.name));
        trees.push(tree);
        let table = rows_of(part, Vec::new())?;
        Arc::make_mut(&mut context.with.rows).insert(part.id, Arc::new(table));
    }
    let mut root = Box::pin(tree(main, &context, shown, verbose)).await?;
    root.children.extend(trees);
    Ok(root)
}

/// The tree of a statement that was run.
fn noted(
    statement: &BoundStatement,
    context: &QueryContext,
    shown: Shown,
    verbose: bool,
    notes: Vec<Noted>,
) -> Result<PlanNode> {
    let mut notes = notes.into_iter();
    let mut next = |subject: &Subject<'_>, verbose: bool| -> Result<PlanNode> {
        let plan = notes.next().and_then(|note| note.plan);
        let plan = plan.map(|plan| described(context, subject.rel, &plan, shown)).transpose()?;
        Ok(finished(subject, plan, context, verbose))
    };
    let BoundStatement::Modifying(modifying) = statement else {
        return next(&subject(statement)?, verbose);
    };
    let BoundModifying { parts, main } = modifying.as_ref();
    let mut one = |part: &WithPart| -> Result<PlanNode> {
        let mut tree = match &part.work {
            WithWork::Write(write) => next(&subject(write)?, false)?,
            WithWork::Rows(rel) => {
                next(&Subject { write: None, rel, columns: Vec::new(), names: Vec::new() }, false)?
            }
        };
        tree.part = Some(format!("CTE {}", part.name));
        Ok(tree)
    };
    // In the order in which they were run.
    let mut trees = parts.iter().filter(|part| part.used).map(&mut one).collect::<Result<Vec<_>>>()?;
    let rest = || parts.iter().filter(|part| !part.used && matches!(part.work, WithWork::Write(_)));
    let last = matches!(main, BoundStatement::Query(_));
    if last {
        for part in rest() {
            trees.push(one(part)?);
        }
    }
    let mut root = next(&subject(main)?, verbose)?;
    if !last {
        for part in rest() {
            let WithWork::Write(write) = &part.work else { continue };
            let mut tree = next(&subject(write)?, false)?;
            tree.part = Some(format!("CTE {}", part.name));
            trees.push(tree);
        }
    }
    root.children.extend(trees);
    Ok(root)
}

/// The tree below what writes its rows.
fn finished(
    subject: &Subject<'_>,
    plan: Option<PlanNode>,
    context: &QueryContext,
    verbose: bool,
) -> PlanNode {
    let mut root = match (subject.write, plan) {
        (None, plan) => plan.unwrap_or_default(),
        (Some((operation, table)), plan) => {
            let name = context.statement.catalog.table(table).map_or("?", |t| t.name.as_str());
            let mut root = PlanNode::write(operation, name);
            root.children.extend(plan);
            root
        }
    };
    if verbose && !subject.names.is_empty() {
        root.yields(subject.names.clone());
    }
    root
}
