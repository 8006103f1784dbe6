//! Generated columns and checks of a table, for whole rows on their way to storage.
//!
//! Must not know which statement writes them. Invariant: of all rows that break a check the first is reported, and of
//! its checks the first by name; a null where none may be is left to who tells of those, when it comes first.

use crate::dml::batch::TableBatches;
use crate::lower::{Evaluator, QueryContext};
use arrow::array::{Array, AsArray};
use arrow::record_batch::RecordBatch;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sql::bound::{Expr, RowCheck, RowRules};
use types::text::{IoSettings, format_text};

/// The rules of a table, made ready once.
#[derive(Debug)]
pub(crate) struct Rules {
    generated: Vec<usize>,
    values: Evaluator,
    /// Of the table by name, then of views in their order.
    checks: Vec<RowCheck>,
    conditions: Evaluator,
    settings: IoSettings,
}

impl Rules {
    pub(crate) fn new(rules: Option<&RowRules>, context: &QueryContext) -> Result<Option<Self>> {
        let Some(RowRules { row, generated, checks }) = rules else { return Ok(None) };
        let (generated, values): (Vec<usize>, Vec<Expr>) = generated.iter().cloned().unzip();
        let mut checks = checks.clone();
        checks.sort_by(|(a, _), (b, _)| match (a, b) {
            (RowCheck::Constraint(a), RowCheck::Constraint(b)) => a.cmp(b),
            (a, b) => matches!(a, RowCheck::View(_)).cmp(&matches!(b, RowCheck::View(_))),
        });
        let (checks, conditions): (Vec<RowCheck>, Vec<Expr>) = checks.into_iter().unzip();
        Ok(Some(Self {
            generated,
            values: Evaluator::new(context, &values, row)?,
            checks,
            conditions: Evaluator::new(context, &conditions, row)?,
            settings: context.statement.io.clone(),
        }))
    }

    /// Whether one of the columns, by position, is computed here.
    pub(crate) fn generates(&self, columns: &[usize]) -> bool {
        self.generated.iter().any(|place| columns.contains(place))
    }

    /// The rows with their generated columns.
    pub(crate) fn completed(&self, batches: &TableBatches, rows: RecordBatch) -> Result<RecordBatch> {
        if self.generated.is_empty() {
            return Ok(rows);
        }
        let values = self.values.evaluate(rows.columns().to_vec(), rows.num_rows())?;
        let mut columns = rows.columns().to_vec();
        for (place, value) in self.generated.iter().zip(values) {
            if let Some(column) = columns.get_mut(*place) {
                *column = value;
            }
        }
        batches.batch(columns, rows.num_rows())
    }

    /// The rows with their generated columns, all checked.
    pub(crate) fn applied(&self, batches: &TableBatches, rows: RecordBatch) -> Result<RecordBatch> {
        let rows = self.completed(batches, rows)?;
        self.check(&batches.table, &rows)?;
        Ok(rows)
    }

    /// 23514 or 44000 when a row makes a condition false.
    pub(crate) fn check(&self, table: &TableDef, rows: &RecordBatch) -> Result<()> {
        match self.broken(table, rows)? {
            None => Ok(()),
            Some((_, error)) => Err(error),
        }
    }

    /// The first row that makes a condition false, and the error.
    pub(crate) fn broken(&self, table: &TableDef, rows: &RecordBatch) -> Result<Option<(usize, Error)>> {
        if self.checks.is_empty() {
            return Ok(None);
        }
        let conditions = self.conditions.evaluate(rows.columns().to_vec(), rows.num_rows())?;
        let mut first: Option<(usize, &RowCheck)> = None;
        for (check, condition) in self.checks.iter().zip(&conditions) {
            let condition = condition.as_boolean();
            let end = first.map_or(rows.num_rows(), |(row, _)| row);
            if let Some(row) = (0..end).find(|row| condition.is_valid(*row) && !condition.value(*row)) {
                first = Some((row, check));
            }
        }
        let Some((row, check)) = first else { return Ok(None) };
        let columns = table.columns.iter().zip(rows.columns());
        let null = columns.clone().any(|(c, array)| c.not_null && (0..=row).any(|row| array.is_null(row)));
        if null {
            return Ok(None);
        }
        let mut shown = String::new();
        for (column, array) in columns {
            if !shown.is_empty() {
                shown.push_str(", ");
            }
            match types::array::get(&column.ty.form, array.as_ref(), row)? {
                types::Datum::Null => shown.push_str("null"),
                datum => format_text(&column.ty, &datum, &self.settings, &mut shown)?,
            }
        }
        let error = match check {
            RowCheck::Constraint(name) => {
                let message =
                    format!("new row for relation \"{}\" violates check constraint \"{name}\"", table.name);
                Error::new(ErrorKind::CheckViolation, message).about(table.subject(None, Some(name)))
            }
            RowCheck::View(name) => {
                let message = format!("new row violates check option for view \"{name}\"");
                Error::new(ErrorKind::CheckOptionViolation, message)
            }
        };
        Ok(Some((row, error.with_detail(format!("Failing row contains ({shown}).")))))
    }
}
