//! `PARTITION BY`: hash levels and the range level of a new table.
//!
//! Must not know how rows find their tablet.
//! Invariants: every partition column belongs to the primary key; range partitions are not empty, do not overlap and
//! stand in order of their lower bounds; the tablets are within the limit.

use super::kept::refuse_names;
use crate::binder::{BindContext, Binder};
use crate::bound::NewColumn;
use crate::parse::{PartitionBound, PartitionLevel, PartitionSpec};
use base::limits::TABLETS_PER_TABLE_MAX;
use base::{Error, ErrorKind, Result};
use catalog::{RangePartition, TableDef};
use sqlparser::ast;
use sqlparser::ast::Spanned;
use types::{Datum, Form, SqlType};

/// Hash levels: columns by position, buckets.
type Hash = Vec<(Vec<usize>, u32)>;
/// The range level: columns by position, partitions.
type Range = Option<(Vec<usize>, Vec<RangePartition>)>;

pub(super) fn bind(
    binder: &Binder<'_>,
    context: &BindContext<'_>,
    table: &str,
    columns: &[NewColumn],
    key: &[usize],
    levels: &[PartitionLevel],
) -> Result<(Hash, Range)> {
    let (mut hash, mut range): (Hash, Range) = (Vec::new(), None);
    let mut hashed: Vec<usize> = Vec::new();
    let mut tablets: u64 = 1;
    for level in levels {
        match level {
            PartitionLevel::Hash { at, columns: names, buckets, buckets_at } => {
                let found = partition_columns(binder, table, columns, key, names)?;
                if let Some(again) = found.iter().find(|index| hashed.contains(index)) {
                    let name = columns.get(*again).map_or("", |c| c.name.as_str());
                    let message = format!("column \"{name}\" appears in more than one HASH level");
                    return Err(Error::new(ErrorKind::InvalidObjectDefinition, message).at(*at));
                }
                hashed.extend(&found);
                let count = u32::try_from(*buckets).ok().filter(|n| *n >= 1).ok_or_else(|| {
                    let message =
                        format!("number of hash partitions must be between 1 and {TABLETS_PER_TABLE_MAX}");
                    Error::new(ErrorKind::InvalidObjectDefinition, message).at(*buckets_at)
                })?;
                tablets = tablets.saturating_mul(*buckets);
                hash.push((found, count));
            }
            PartitionLevel::Range { at, columns: names, partitions } => {
                if range.is_some() {
                    let message = "a table can have only one RANGE level";
                    return Err(Error::new(ErrorKind::InvalidObjectDefinition, message).at(*at));
                }
                let found = partition_columns(binder, table, columns, key, names)?;
                let typed: Vec<&NewColumn> = found.iter().filter_map(|index| columns.get(*index)).collect();
                let bound = range_partitions(binder, context, &typed, partitions)?;
                tablets = tablets.saturating_mul(u64::try_from(bound.len()).unwrap_or(u64::MAX));
                range = Some((found, bound));
            }
        }
    }
    if tablets > u64::try_from(TABLETS_PER_TABLE_MAX).unwrap_or(u64::MAX) {
        let message = format!(
            "table \"{table}\" would have {tablets} tablets, more than the limit of {TABLETS_PER_TABLE_MAX}"
        );
        return Err(
            Error::new(ErrorKind::LimitExceeded, message).with_hint("Use fewer hash or range partitions.")
        );
    }
    Ok((hash, range))
}

/// The partition that ALTER TABLE adds; whether it fits the others is the catalog's to say.
pub(super) fn added(
    binder: &Binder<'_>,
    context: &BindContext<'_>,
    table: &TableDef,
    spec: &PartitionSpec,
) -> Result<RangePartition> {
    let level = catalog::range_level(table)?;
    let columns: Vec<NewColumn> = level
        .columns
        .iter()
        .filter_map(|id| table.column(*id))
        .map(|column| NewColumn {
            name: column.name.clone(),
            ty: column.ty.clone(),
            not_null: true,
            default: None,
            kind: column.kind,
            sequence: None,
        })
        .collect();
    let columns: Vec<&NewColumn> = columns.iter().collect();
    let mut bound = range_partitions(binder, context, &columns, std::slice::from_ref(spec))?;
    bound.pop().ok_or_else(|| Error::internal("a partition was lost"))
}

/// The positions of a level's columns, which must be columns of the key.
fn partition_columns(
    binder: &Binder<'_>,
    table: &str,
    columns: &[NewColumn],
    key: &[usize],
    names: &[ast::Ident],
) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let at = binder.position(name.span.start);
        let folded = binder.fold(name);
        let Some(index) = columns.iter().position(|c| c.name == folded) else {
            let message = format!("column \"{folded}\" named in partition key does not exist");
            return Err(Error::new(ErrorKind::UndefinedColumn, message).at(at));
        };
        if found.contains(&index) {
            let message = format!("column \"{folded}\" appears twice in partition key");
            return Err(Error::new(ErrorKind::DuplicateColumn, message).at(at));
        }
        if !key.contains(&index) {
            let message = "primary key of a partitioned table must include all partitioning columns";
            let error = Error::new(ErrorKind::InvalidObjectDefinition, message).at(at);
            return Err(if key.is_empty() {
                error
                    .with_detail(format!("Table \"{table}\" has no primary key."))
                    .with_hint("Declare a PRIMARY KEY.")
            } else {
                error.with_detail(format!(
                    "PRIMARY KEY constraint on table \"{table}\" lacks column \"{folded}\" which is part of the \
                     partition key."
                ))
            });
        }
        found.push(index);
    }
    Ok(found)
}

/// The partitions in order of their lower bounds.
fn range_partitions(
    binder: &Binder<'_>,
    context: &BindContext<'_>,
    columns: &[&NewColumn],
    specs: &[PartitionSpec],
) -> Result<Vec<RangePartition>> {
    let mut partitions: Vec<Bounded> = Vec::with_capacity(specs.len());
    for spec in specs {
        let PartitionSpec { name, at, lower, upper } = spec;
        let name = binder.fold(name);
        if partitions.iter().any(|p| p.partition.name == name) {
            let message = format!("partition \"{name}\" specified more than once");
            return Err(Error::new(ErrorKind::DuplicateObject, message).at(*at));
        }
        let ends = Ends { binder, context, columns, partition: &name, at: *at };
        let (lower, upper) = (ends.bound(lower, End::Lower)?, ends.bound(upper, End::Upper)?);
        let bounded = Bounded {
            lower: ends.key(&lower)?,
            upper: ends.key(&upper)?,
            partition: RangePartition { name: name.clone(), lower, upper },
            at: *at,
        };
        ends.check_not_empty(&bounded)?;
        partitions.push(bounded);
    }
    // An open lower bound has no bytes, so it comes first.
    partitions.sort_by(|a, b| a.lower.cmp(&b.lower));
    for pair in partitions.windows(2) {
        let [before, after] = pair else {
            continue;
        };
        if before.reaches(after) {
            let (named, other) = if before.at > after.at { (before, after) } else { (after, before) };
            let message = format!(
                "partition \"{}\" would overlap partition \"{}\"",
                named.partition.name, other.partition.name
            );
            return Err(Error::new(ErrorKind::InvalidObjectDefinition, message).at(named.at));
        }
    }
    Ok(partitions.into_iter().map(|bounded| bounded.partition).collect())
}

/// A partition and its bounds as keys, whose bytes are in the order of the values. An empty bound is open.
struct Bounded {
    partition: RangePartition,
    lower: Vec<u8>,
    upper: Vec<u8>,
    at: usize,
}

impl Bounded {
    /// Whether this partition reaches into a later one.
    fn reaches(&self, later: &Self) -> bool {
        self.upper.is_empty() || later.lower.is_empty() || self.upper > later.lower
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lower,
    Upper,
}

/// One partition whose bounds are being read.
struct Ends<'e, 'b> {
    binder: &'e Binder<'b>,
    context: &'e BindContext<'b>,
    columns: &'e [&'e NewColumn],
    partition: &'e str,
    at: usize,
}

impl Ends<'_, '_> {
    /// One value per column; empty for MINVALUE below and MAXVALUE above.
    fn bound(&self, bounds: &[PartitionBound], end: End) -> Result<Vec<Datum>> {
        if bounds.len() != self.columns.len() {
            let word = if end == End::Lower { "FROM" } else { "TO" };
            let message = format!("{word} must specify exactly one value per partitioning column");
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message).at(self.at));
        }
        let mut values = Vec::with_capacity(bounds.len());
        let mut open = None;
        for (bound, column) in bounds.iter().zip(self.columns) {
            match bound {
                PartitionBound::MinValue { at } if end == End::Lower => open = Some(*at),
                PartitionBound::MaxValue { at } if end == End::Upper => open = Some(*at),
                PartitionBound::MinValue { .. } | PartitionBound::MaxValue { .. } => {
                    return Err(self.empty(self.at));
                }
                PartitionBound::Value(expr) => values.push(self.value(expr, column)?),
            }
        }
        match open {
            Some(_) if values.is_empty() => Ok(values),
            Some(at) => Err(Error::unsupported(
                "MINVALUE or MAXVALUE for some of the partition columns is not supported",
            )
            .at(at)
            .with_hint("Give a value for each column, or MINVALUE or MAXVALUE for all.")),
            None => Ok(values),
        }
    }

    /// A constant as a value of the column's type.
    fn value(&self, expr: &ast::Expr, column: &NewColumn) -> Result<Datum> {
        let at = self.binder.position(expr.span().start);
        refuse_names(self.binder, expr, "partition bound expression")?;
        let read =
            |text: &str, ty: &SqlType| types::parse_text(ty, text, &self.context.io).map_err(|e| e.at(at));
        match literal(expr) {
            Some(Literal::Null) => {
                Err(Error::new(ErrorKind::InvalidObjectDefinition, "cannot specify NULL in range bound")
                    .at(at))
            }
            Some(Literal::Text(text)) => read(&text, &column.ty),
            Some(Literal::Typed(ty, text)) => {
                let ty = self.binder.sql_type(ty).map_err(|e| e.at(at))?;
                let mut shown = String::new();
                types::format_text(&ty, &read(&text, &ty)?, &self.context.io, &mut shown)?;
                read(&shown, &column.ty)
            }
            None => Err(Error::unsupported("a partition bound that is not a literal is not supported")
                .at(at)
                .with_hint("Write a number or a string in quotes.")),
        }
    }

    fn key(&self, bound: &[Datum]) -> Result<Vec<u8>> {
        let cells: Vec<(Form, Datum)> = self
            .columns
            .iter()
            .zip(bound)
            .map(|(column, datum)| (column.ty.form.clone(), datum.clone()))
            .collect();
        types::encode_key_data(&cells)
    }

    fn check_not_empty(&self, bounded: &Bounded) -> Result<()> {
        let Bounded { partition, lower, upper, at: _ } = bounded;
        if lower.is_empty() || upper.is_empty() || lower < upper {
            return Ok(());
        }
        Err(self.empty(self.at).with_detail(format!(
            "Specified lower bound {} is greater than or equal to upper bound {}.",
            self.shown(&partition.lower)?,
            self.shown(&partition.upper)?
        )))
    }

    fn empty(&self, at: usize) -> Error {
        let message = format!("empty range bound specified for partition \"{}\"", self.partition);
        Error::new(ErrorKind::InvalidObjectDefinition, message).at(at)
    }

    fn shown(&self, bound: &[Datum]) -> Result<String> {
        let mut out = String::from("(");
        for (index, (datum, column)) in bound.iter().zip(self.columns).enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            let quoted = matches!(
                datum,
                Datum::Text(_) | Datum::Date(_) | Datum::Timestamp(_) | Datum::TimestampTz(_)
            );
            let quote = if quoted { "'" } else { "" };
            out.push_str(quote);
            types::format_text(&column.ty, datum, &self.context.io, &mut out)?;
            out.push_str(quote);
        }
        out.push(')');
        Ok(out)
    }
}

/// A constant as text that a type's input reads.
enum Literal<'e> {
    Null,
    Text(String),
    Typed(&'e ast::DataType, String),
}

/// Numbers with their sign, strings and typed strings, in parentheses or not.
fn literal(expr: &ast::Expr) -> Option<Literal<'_>> {
    let text_of = |value: &ast::Value| -> Option<Literal<'static>> {
        match value {
            ast::Value::Number(digits, false) => Some(Literal::Text(digits.clone())),
            ast::Value::SingleQuotedString(text)
            | ast::Value::EscapedStringLiteral(text)
            | ast::Value::UnicodeStringLiteral(text) => Some(Literal::Text(text.clone())),
            ast::Value::DollarQuotedString(text) => Some(Literal::Text(text.value.clone())),
            ast::Value::Boolean(value) => Some(Literal::Text(value.to_string())),
            ast::Value::Null => Some(Literal::Null),
            _ => None,
        }
    };
    match expr {
        ast::Expr::Value(value) => text_of(&value.value),
        ast::Expr::TypedString(ast::TypedString { data_type, value, uses_odbc_syntax: false }) => {
            match text_of(&value.value)? {
                Literal::Text(text) => Some(Literal::Typed(data_type, text)),
                _ => None,
            }
        }
        ast::Expr::Nested(inner) => literal(inner),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Plus, expr } => literal(expr),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match literal(expr)? {
            Literal::Text(digits) if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                Some(Literal::Text(format!("-{digits}")))
            }
            _ => None,
        },
        _ => None,
    }
}
