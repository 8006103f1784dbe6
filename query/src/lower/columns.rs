//! Which columns a bound relation yields, and their names in a plan.

use base::{Error, Result};
use datafusion::common::Column;
use datafusion::logical_expr::Expr as PlanExpr;
use sql::bound::{ColRef, Rel, TypedCol};
use types::sql_type::oid;
use types::{Form, SqlType};

/// The name of a column in every plan.
pub(crate) fn name(column: ColRef) -> String {
    format!("c{}", column.0)
}

/// A reference to a column.
pub(crate) fn reference(column: ColRef) -> PlanExpr {
    PlanExpr::Column(Column::new_unqualified(name(column)))
}

/// The columns of a relation, in order.
pub(crate) fn of(rel: &Rel) -> Result<Vec<TypedCol>> {
    Ok(match rel {
        Rel::Unit => Vec::new(),
        Rel::Empty { columns }
        | Rel::Values { columns, .. }
        | Rel::Constants { columns, .. }
        | Rel::Function { columns, .. }
        | Rel::SetOp { columns, .. }
        | Rel::Recursive { columns, .. }
        | Rel::CteRef { columns, .. } => columns.clone(),
        Rel::Scan(scan) => {
            let mut columns: Vec<TypedCol> = scan.columns.iter().map(|(_, c)| c.clone()).collect();
            columns.extend(scan.row_address.map(counter));
            columns
        }
        Rel::Changes(scan) => scan.columns.iter().map(|(_, c)| c.clone()).collect(),
        Rel::System(scan) => scan.columns.iter().map(|(_, c)| c.clone()).collect(),
        Rel::Project { items, .. } => {
            items.iter().map(|(expr, col)| TypedCol { col: *col, ty: expr.ty() }).collect()
        }
        Rel::Filter { input, .. }
        | Rel::Distinct { input }
        | Rel::Sort { input, .. }
        | Rel::Limit { input, .. } => of(input)?,
        Rel::With { body, .. } => of(body)?,
        Rel::Join { left, right, .. } => {
            let mut columns = of(left)?;
            columns.extend(of(right)?);
            columns
        }
        Rel::Aggregate { group, aggregates, .. } => {
            let groups = group.iter().map(|(expr, col)| TypedCol { col: *col, ty: expr.ty() });
            let calls = aggregates.iter().map(|(call, col)| TypedCol { col: *col, ty: call.ty.clone() });
            groups.chain(calls).collect()
        }
        Rel::GroupingSets { set, group, aggregates, .. } => {
            let groups = group.iter().map(|(expr, col)| TypedCol { col: *col, ty: expr.ty() });
            let calls = aggregates.iter().map(|(call, col)| TypedCol { col: *col, ty: call.ty.clone() });
            std::iter::once(counter(*set)).chain(groups).chain(calls).collect()
        }
        Rel::ProjectSet { input, calls, ordinality } => {
            let mut columns = of(input)?;
            columns.extend(calls.iter().flat_map(|call| call.columns.clone()));
            columns.extend(ordinality.map(counter));
            columns
        }
        Rel::Window { input, calls } => {
            let mut columns = of(input)?;
            columns.extend(calls.iter().map(|(call, col)| TypedCol { col: *col, ty: call.ty.clone() }));
            columns
        }
    })
}

/// A column that the relation itself makes. A row address travels as an unsigned 64-bit number, which no SQL type has;
/// int8 stands for it in the tree.
fn counter(col: ColRef) -> TypedCol {
    TypedCol { col, ty: SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None } }
}

/// The type of one column of a relation.
pub(crate) fn find(columns: &[TypedCol], col: ColRef) -> Result<&TypedCol> {
    columns
        .iter()
        .find(|c| c.col == col)
        .ok_or_else(|| Error::internal(format!("column {} is not part of its relation", col.0)))
}
