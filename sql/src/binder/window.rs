//! Windows: their definitions, and the frames of rows around a row.
//!
//! Must not know functions. Invariant: the offset of a frame uses no column of the query, and has the type that PostgreSQL
//! adds to the order.

use super::coerce::path;
use super::names::{fold, located};
use super::type_name::{held, type_name};
use super::{Binder, Clause, Scope, Term};
use crate::bound::outline::FrameForm;
use crate::bound::{ColRef, Expr, FrameBound, FrameExclude, FrameUnit, SortKey, WindowFrame};
use crate::parse::EXCLUDE;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

impl Binder<'_> {
    pub(super) fn window(
        &mut self,
        over: &ast::WindowType,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<(Vec<Expr>, Vec<SortKey>, WindowFrame)> {
        let spec = match over {
            ast::WindowType::WindowSpec(spec) => self.based(spec, at)?,
            ast::WindowType::NamedWindow(name) => self.named_window(&fold(name), self.at(name.span))?,
        };
        let ast::WindowSpec { window_name, partition_by, order_by, window_frame } = &spec;
        let mut partitions = Vec::with_capacity(partition_by.len());
        for expr in partition_by {
            let term = self.in_clause(Clause::WindowPartition, |b| b.expr(expr, scope))?;
            let term = self.resolve_unknown(term)?;
            super::comparable::check_partition(&term.expr.ty(), term.at)?;
            partitions.push(term.expr);
        }
        let mut keys = Vec::with_capacity(order_by.len());
        for item in order_by {
            keys.push(self.in_clause(Clause::WindowOrder, |b| b.inner_sort_key(item, scope))?);
        }
        let frame = match window_frame {
            None => WindowFrame {
                unit: FrameUnit::Range,
                start: FrameBound::UnboundedPreceding,
                end: FrameBound::CurrentRow,
                exclude: FrameExclude::NoOthers,
            },
            Some(frame) => {
                let (exclude, _) = base_of(window_name.as_ref());
                self.in_clause(Clause::WindowFrame, |b| b.frame(frame, exclude, &keys, at, scope))?
            }
        };
        Ok((partitions, keys, frame))
    }

    fn named_window(&mut self, name: &str, at: usize) -> Result<ast::WindowSpec> {
        let found = self.level().windows.iter().find(|(n, _)| n == name).map(|(_, s)| s.clone());
        found.ok_or_else(|| {
            let message = format!("window \"{name}\" does not exist");
            located(Error::new(ErrorKind::UndefinedObject, message), at)
        })
    }

    /// A definition with what it takes from the window it names; its own exclusion stays in the place of the name.
    pub(super) fn based(&mut self, spec: &ast::WindowSpec, at: usize) -> Result<ast::WindowSpec> {
        let (_, Some(shown)) = base_of(spec.window_name.as_ref()) else { return Ok(spec.clone()) };
        let name_at = spec.window_name.as_ref().map_or(at, |name| self.at(name.span));
        let base = self.named_window(&shown, name_at)?;
        let refuse = |message: String| Err(located(Error::new(ErrorKind::Windowing, message), at));
        if !spec.partition_by.is_empty() {
            return refuse(format!("cannot override PARTITION BY clause of window \"{shown}\""));
        }
        if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            return refuse(format!("cannot override ORDER BY clause of window \"{shown}\""));
        }
        if base.window_frame.is_some() {
            return refuse(format!("cannot copy window \"{shown}\" because it has a frame clause"));
        }
        let order_by = if spec.order_by.is_empty() { base.order_by } else { spec.order_by.clone() };
        Ok(ast::WindowSpec {
            window_name: spec.window_name.clone().filter(|name| name.value.starts_with(EXCLUDE)),
            partition_by: base.partition_by,
            order_by,
            window_frame: spec.window_frame.clone(),
        })
    }

    fn frame(
        &mut self,
        frame: &ast::WindowFrame,
        exclude: FrameExclude,
        keys: &[SortKey],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<WindowFrame> {
        let ast::WindowFrame { units, start_bound, end_bound } = frame;
        let unit = match units {
            ast::WindowFrameUnits::Rows => FrameUnit::Rows,
            ast::WindowFrameUnits::Range => FrameUnit::Range,
            ast::WindowFrameUnits::Groups => FrameUnit::Groups,
        };
        let refuse = |message: &str| Err(located(Error::new(ErrorKind::Windowing, message), at));
        if unit == FrameUnit::Groups && keys.is_empty() {
            return refuse("GROUPS mode requires an ORDER BY clause");
        }
        let start = self.frame_bound(start_bound, unit, keys, at, scope)?;
        let end = match end_bound {
            None => FrameBound::CurrentRow,
            Some(bound) => self.frame_bound(bound, unit, keys, at, scope)?,
        };
        use FrameBound as B;
        match (&start, &end) {
            (B::UnboundedFollowing, _) => refuse("frame start cannot be UNBOUNDED FOLLOWING"),
            (_, B::UnboundedPreceding) => refuse("frame end cannot be UNBOUNDED PRECEDING"),
            (B::CurrentRow, B::Preceding(_)) => {
                refuse("frame starting from current row cannot have preceding rows")
            }
            (B::Following(_), B::Preceding(_)) => {
                refuse("frame starting from following row cannot have preceding rows")
            }
            (B::Following(_), B::CurrentRow) => {
                refuse("frame starting from following row cannot end with current row")
            }
            _ => Ok(WindowFrame { unit, start, end, exclude }),
        }
    }

    fn frame_bound(
        &mut self,
        bound: &ast::WindowFrameBound,
        unit: FrameUnit,
        keys: &[SortKey],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<FrameBound> {
        let (offset, preceding) = match bound {
            ast::WindowFrameBound::CurrentRow => return Ok(FrameBound::CurrentRow),
            ast::WindowFrameBound::Preceding(None) => return Ok(FrameBound::UnboundedPreceding),
            ast::WindowFrameBound::Following(None) => return Ok(FrameBound::UnboundedFollowing),
            ast::WindowFrameBound::Preceding(Some(offset)) => (offset, true),
            ast::WindowFrameBound::Following(Some(offset)) => (offset, false),
        };
        let term = self.expr(offset, scope)?;
        let mut varies = None;
        let is_here = |col: ColRef| scope.tables.iter().flat_map(|t| &t.columns).any(|c| c.typed.col == col);
        crate::bound::walk::visit(&term.expr, &mut |e| {
            // Outer where a subquery uses it.
            if let Expr::Column(column) | Expr::Outer(column) = e
                && is_here(column.col)
            {
                varies = varies.or(Some(column.col));
            }
        });
        if let Some(col) = varies {
            let at = self.uses.get(&col).map_or(term.at, |(at, _)| *at);
            let unit = match unit {
                FrameUnit::Rows => "ROWS",
                FrameUnit::Range => "RANGE",
                FrameUnit::Groups => "GROUPS",
            };
            let message = format!("argument of {unit} must not contain variables");
            return Err(located(Error::new(ErrorKind::InvalidColumnReference, message), at));
        }
        let (target, context) = match (unit, keys) {
            (FrameUnit::Rows | FrameUnit::Groups, _) => (held(oid::INT8, -1)?, CastContext::Assignment),
            (FrameUnit::Range, [key]) => (offset_of_range(&key.expr.ty(), &term)?, CastContext::Implicit),
            (FrameUnit::Range, _) => {
                let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
                return Err(located(Error::new(ErrorKind::Windowing, message), at));
            }
        };
        let value = self.coerce(term, &target, context)?.expr;
        let value = Box::new(self.in_form(value, &target)?);
        Ok(if preceding { FrameBound::Preceding(value) } else { FrameBound::Following(value) })
    }
}

/// Whether a window takes something from another one.
pub(super) fn is_based(spec: &ast::WindowSpec) -> bool {
    base_of(spec.window_name.as_ref()).1.is_some()
}

/// How the frame of a window was written.
pub(super) fn frame_form(spec: &ast::WindowSpec) -> FrameForm {
    match &spec.window_frame {
        None => FrameForm::Default,
        Some(ast::WindowFrame { units: _, start_bound: _, end_bound: None }) => FrameForm::Start,
        Some(_) => FrameForm::Between,
    }
}

/// What the definition of a window leaves out, and the window that it is based on.
fn base_of(name: Option<&ast::Ident>) -> (FrameExclude, Option<String>) {
    let Some(name) = name else { return (FrameExclude::NoOthers, None) };
    let Some((word, base)) = name.value.strip_prefix(EXCLUDE).and_then(|rest| rest.split_once('\0')) else {
        return (FrameExclude::NoOthers, Some(fold(name)));
    };
    let exclude = match word {
        "current row" => FrameExclude::CurrentRow,
        "group" => FrameExclude::Group,
        "ties" => FrameExclude::Ties,
        _ => FrameExclude::NoOthers,
    };
    (exclude, (!base.is_empty()).then(|| base.to_owned()))
}

/// The type of the offsets of a RANGE ordered by a type.
fn offset_of_range(key: &SqlType, offset: &Term) -> Result<SqlType> {
    let given = offset.expr.ty();
    let refuse = |more: String| {
        let message = "RANGE with offset PRECEDING/FOLLOWING is not supported for column type";
        Error::unsupported(format!("{message} {}{more}", type_name(key.oid))).at(offset.at)
    };
    let wanted: &[Oid] = match key.oid {
        oid::INT2 | oid::INT4 | oid::INT8 => &[oid::INT8, oid::INT4, oid::INT2],
        oid::FLOAT4 | oid::FLOAT8 => &[oid::FLOAT8],
        oid::NUMERIC => &[oid::NUMERIC],
        oid::DATE | oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::INTERVAL => {
            &[oid::INTERVAL]
        }
        _ => return Err(refuse(String::new())),
    };
    let first = wanted.first().copied().unwrap_or(key.oid);
    // Among several the key's own type is the one of an offset without a type; all are added as the widest.
    let fits = given.oid == oid::UNKNOWN
        || wanted.contains(&given.oid)
        || path(given.oid, first, CastContext::Implicit).is_some();
    if !fits {
        let more = format!(" and offset type {}", type_name(given.oid));
        return Err(refuse(more).with_hint("Cast the offset value to an appropriate type."));
    }
    held(first, -1)
}
