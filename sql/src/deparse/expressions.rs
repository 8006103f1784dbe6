//! Expressions.

use super::constants::Label;
use super::layout::{Named, PART, Told, Untold, Writer};
use super::quoted;
use super::simple::Parent;
use crate::bound::outline::Spelling;
use crate::bound::{ArrayPart, CastHow, Expr, Quantifier, Subquery, SubqueryKind, TypedCol};
use catalog::builtin::all_operators;
use types::sql_type::oid;
use types::{Datum, Form};

/// The expression without changes of a numeric's stored form, which no text has.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { how: CastHow::NumericForm, arg, ty: _ } => bare(arg),
        other => other,
    }
}

/// The operator that compares rows field by field.
fn row_operator(test: &Expr) -> Option<&'static str> {
    let pairs = match test {
        Expr::And(pairs) | Expr::Or(pairs) => pairs.as_slice(),
        pair => std::slice::from_ref(pair),
    };
    match pairs.first()? {
        Expr::Call { proc, args, ty: _ } => super::calls::operator(*proc, args).map(|found| found.name),
        _ => None,
    }
}

impl Writer<'_> {
    /// An expression as an operand: in parentheses where a sparing text needs them.
    pub(super) fn inner(&mut self, expr: &Expr, implicit: bool, parent: Parent) -> Told {
        let around = self.style.sparing && !self.is_simple(expr, parent);
        if around {
            self.put("(");
        }
        self.expr(expr, implicit)?;
        if around {
            self.put(")");
        }
        Ok(())
    }

    pub(super) fn listed(&mut self, exprs: &[&Expr]) -> Told {
        for (index, expr) in exprs.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.expr(expr, true)?;
        }
        Ok(())
    }

    fn enclosed(&mut self, word: &str, exprs: &[Expr], end: &str) -> Told {
        self.put(word);
        self.listed(&exprs.iter().collect::<Vec<_>>())?;
        self.put(end);
        Ok(())
    }

    /// An item of a list of results: the row of a relation has its type there.
    pub(super) fn top(&mut self, expr: &Expr, implicit: bool) -> Told {
        if let Some((Spelling::WholeRow, Some(column), _)) = Spelling::within(bare(expr)) {
            let relation = self.relation_of_column(column)?;
            let ty = relation.row_type.unwrap_or_else(|| "record".to_owned());
            self.put(&format!("{}.*::{ty}", quoted(&relation.shown)));
            return Ok(());
        }
        self.expr(expr, implicit)
    }

    fn relation_of_column(&self, column: &Expr) -> Told<super::layout::Relation> {
        let (Expr::Column(column) | Expr::Outer(column)) = column else { return Err(Untold) };
        match self.named(column.col)? {
            Named::Column { relation, name: _ } => self.relations.get(*relation).cloned().ok_or(Untold),
            Named::Merged(_) | Named::Other(_) | Named::Call(_) => Err(Untold),
        }
    }

    /// An expression; casts that nobody wrote are shown when `implicit`.
    pub(super) fn expr(&mut self, expr: &Expr, implicit: bool) -> Told {
        let expr = bare(expr);
        if let Some((spelling, beside, inner)) = Spelling::within(expr) {
            return self.spelt(&spelling, beside, inner, expr);
        }
        match expr {
            Expr::Column(column) | Expr::Outer(column) => self.reference(column),
            Expr::Const(datum, ty) => self.constant(datum, ty, Label::AsNeeded),
            Expr::Param { index: _, ty: _ } | Expr::InList { .. } | Expr::Domain { .. } => Err(Untold),
            Expr::Call { proc, args, ty: _ } => self.call(*proc, args),
            Expr::Cast { how, arg, ty } => self.implied_cast(*how, arg, ty, implicit),
            Expr::And(args) => self.logic(args, " AND ", Parent::And),
            Expr::Or(args) => self.logic(args, " OR ", Parent::Or),
            Expr::Not(arg) => {
                self.open();
                self.put("NOT ");
                self.inner(arg, false, Parent::Not)?;
                self.close();
                Ok(())
            }
            Expr::IsNull { arg, negated } => {
                self.open();
                self.inner(arg, true, Parent::Other)?;
                self.put(if *negated { " IS NOT NULL" } else { " IS NULL" });
                self.close();
                Ok(())
            }
            Expr::IsBool { arg, value, negated } => {
                self.open();
                self.inner(arg, false, Parent::Other)?;
                let value = value.map_or("UNKNOWN", |value| if value { "TRUE" } else { "FALSE" });
                self.put(&format!(" IS {}{value}", if *negated { "NOT " } else { "" }));
                self.close();
                Ok(())
            }
            Expr::IsDistinct { equal: _, left, right, negated } => {
                if *negated {
                    self.open();
                    self.put("NOT ");
                }
                self.open();
                self.inner(left, true, Parent::Other)?;
                self.put(" IS DISTINCT FROM ");
                self.inner(right, true, Parent::Other)?;
                self.close();
                if *negated {
                    self.close();
                }
                Ok(())
            }
            Expr::Case { whens, otherwise, ty } => self.case(None, whens, otherwise.as_deref(), ty),
            Expr::Coalesce { args, ty: _ } => self.enclosed("COALESCE(", args, ")"),
            Expr::NullIf { equal: _, left, right, ty: _ } => {
                self.put("NULLIF(");
                self.listed(&[left, right])?;
                self.put(")");
                Ok(())
            }
            Expr::Extreme { greatest, less: _, args, ty: _ } => {
                self.enclosed(if *greatest { "GREATEST(" } else { "LEAST(" }, args, ")")
            }
            Expr::ArrayCompare { proc, all, arg, array } => {
                let operator = all_operators().find(|o| o.proc == *proc && o.left.0 != 0).ok_or(Untold)?;
                self.open();
                self.inner(arg, true, Parent::Other)?;
                self.put(&format!(" {} {} (", operator.name, if *all { "ALL" } else { "ANY" }));
                self.inner(array, true, Parent::Other)?;
                if matches!(Spelling::within(bare(array)), Some((Spelling::Query(_), _, _))) {
                    // Else it would be read as the query whose rows are compared.
                    let ty = array.ty();
                    let name = self.names.type_name(ty.named(), ty.named_typmod());
                    self.put(&format!("::{name}"));
                }
                self.put(")");
                self.close();
                Ok(())
            }
            Expr::Array { elements, ty } => {
                self.enclosed("ARRAY[", elements, "]")?;
                if elements.is_empty() {
                    let name = self.names.type_name(ty.named(), ty.named_typmod());
                    self.put(&format!("::{name}"));
                }
                Ok(())
            }
            Expr::Row { fields, ty: _ } => {
                self.put("ROW(");
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.top(field, true)?;
                }
                self.put(")");
                Ok(())
            }
            Expr::Field { row, index, ty: _ } => self.field(row, *index),
            Expr::ArrayPart { part, args, ty: _ } => self.array_part(*part, args),
            Expr::Subquery(_) => Err(Untold),
        }
    }

    fn spelt(&mut self, spelling: &Spelling, beside: Option<&Expr>, inner: &Expr, whole: &Expr) -> Told {
        match spelling {
            Spelling::Cast => self.cast(inner, &whole.ty()),
            Spelling::Call => match bare(inner) {
                Expr::Call { proc, args, ty: _ } => self.function(*proc, args),
                _ => Err(Untold),
            },
            Spelling::Syntax => match bare(inner) {
                Expr::Call { proc, args, ty: _ } => self.syntax(*proc, args),
                _ => Err(Untold),
            },
            Spelling::Named(names) => match bare(inner) {
                Expr::Call { proc, args, ty: _ } => self.function_with_names(*proc, args, names),
                _ => Err(Untold),
            },
            Spelling::Rows(operator) => {
                self.put("(");
                self.expr(beside.ok_or(Untold)?, true)?;
                self.put(&format!(" {operator} "));
                self.expr(inner, true)?;
                self.put(")");
                Ok(())
            }
            Spelling::Word(word) => {
                self.put(word);
                Ok(())
            }
            Spelling::SimpleCase => match bare(inner) {
                Expr::Case { whens, otherwise, ty } => self.case(beside, whens, otherwise.as_deref(), ty),
                _ => Err(Untold),
            },
            Spelling::WholeRow => {
                let relation = self.relation_of_column(beside.ok_or(Untold)?)?;
                self.put(&format!("{}.*", quoted(&relation.shown)));
                Ok(())
            }
            Spelling::Collate(name) => {
                self.open();
                self.inner(inner, true, Parent::Other)?;
                self.put(&format!(" COLLATE {}", quoted(name)));
                self.close();
                Ok(())
            }
            Spelling::Query(number) => match bare(inner) {
                Expr::Subquery(subquery) => self.sublink(subquery, *number),
                _ => Err(Untold),
            },
        }
    }

    fn reference(&mut self, column: &TypedCol) -> Told {
        let shown = match self.named(column.col)? {
            Named::Column { relation, name } => self.column(*relation, name)?,
            Named::Merged(name) => quoted(name),
            Named::Other(_) => return Err(Untold),
            Named::Call(call) => {
                let call = call.clone();
                return self.kept_call(&call);
            }
        };
        self.put(&shown);
        Ok(())
    }

    fn logic(&mut self, args: &[Expr], word: &str, own: Parent) -> Told {
        self.open();
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                self.put(word);
            }
            self.inner(arg, false, own)?;
        }
        self.close();
        Ok(())
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        ty: &types::SqlType,
    ) -> Told {
        self.word("CASE", 0, PART, 0);
        if let Some(operand) = operand {
            self.put(" ");
            self.expr(operand, true)?;
        }
        for (test, result) in whens {
            self.word("WHEN ", 0, 0, 0);
            match (operand, bare(test)) {
                (None, test) => self.expr(test, false)?,
                (Some(_), Expr::Call { proc: _, args, ty: _ }) => match args.as_slice() {
                    [_, value] => self.expr(value, false)?,
                    _ => return Err(Untold),
                },
                (Some(_), _) => return Err(Untold),
            }
            self.put(" THEN ");
            self.expr(result, true)?;
        }
        self.word("ELSE ", 0, 0, 0);
        match otherwise {
            Some(otherwise) => self.expr(otherwise, true)?,
            None => {
                self.constant(&Datum::Null, &types::SqlType { typmod: -1, ..ty.clone() }, Label::AsNeeded)?
            }
        }
        self.word("END", -PART, 0, 0);
        Ok(())
    }

    fn field(&mut self, row: &Expr, index: usize) -> Told {
        let Form::Row(fields) = row.ty().form else { return Err(Untold) };
        let name = &fields.get(index).ok_or(Untold)?.name;
        let around = !matches!(bare(row), Expr::ArrayPart { .. } | Expr::Field { .. });
        if around {
            self.put("(");
        }
        self.expr(row, true)?;
        if around {
            self.put(")");
        }
        self.put(&format!(".{}", quoted(name)));
        Ok(())
    }

    fn array_part(&mut self, part: ArrayPart, args: &[Expr]) -> Told {
        let (array, places) = args.split_first().ok_or(Untold)?;
        let around = !self.is_column(bare(array)) && !matches!(bare(array), Expr::Field { .. });
        if around {
            self.put("(");
        }
        self.expr(array, true)?;
        if around {
            self.put(")");
        }
        match part {
            ArrayPart::Element => {
                for place in places {
                    self.put("[");
                    self.expr(place, false)?;
                    self.put("]");
                }
            }
            ArrayPart::Slice => {
                for bounds in places.chunks(2) {
                    let [low, high] = bounds else { return Err(Untold) };
                    self.put("[");
                    self.bound(low)?;
                    self.put(":");
                    self.bound(high)?;
                    self.put("]");
                }
            }
            ArrayPart::SetElement | ArrayPart::SetSlice => return Err(Untold),
        }
        Ok(())
    }

    fn bound(&mut self, bound: &Expr) -> Told {
        match bound {
            Expr::Const(Datum::Null, ty) if ty.oid == oid::VOID => Ok(()),
            bound => self.expr(bound, false),
        }
    }

    fn sublink(&mut self, subquery: &Subquery, number: usize) -> Told {
        let array = matches!(subquery.kind, SubqueryKind::Array);
        self.put(if array { "ARRAY(" } else { "(" });
        let around = match &subquery.kind {
            SubqueryKind::Scalar | SubqueryKind::Array => false,
            SubqueryKind::Exists => {
                self.put("EXISTS ");
                true
            }
            SubqueryKind::Quantified { proc, all, arg } => {
                let operator = all_operators().find(|o| o.proc == *proc && o.left.0 != 0).ok_or(Untold)?;
                self.expr(arg, true)?;
                match (operator.name, all) {
                    ("=", false) => self.put(" IN "),
                    (name, false) => self.put(&format!(" {name} ANY ")),
                    (name, true) => self.put(&format!(" {name} ALL ")),
                }
                true
            }
            SubqueryKind::Row { quantifier, args, test } => {
                let name = row_operator(test).ok_or(Untold)?;
                self.put("(");
                self.listed(&args.iter().map(|(expr, _)| expr).collect::<Vec<_>>())?;
                self.put(")");
                match (name, quantifier) {
                    ("=", Quantifier::Any) => self.put(" IN "),
                    (name, Quantifier::Any) => self.put(&format!(" {name} ANY ")),
                    (name, Quantifier::All) => self.put(&format!(" {name} ALL ")),
                    (name, Quantifier::One) => self.put(&format!(" {name} ")),
                }
                true
            }
        };
        if around {
            self.put("(");
        }
        self.subquery(number)?;
        self.put(if around { "))" } else { ")" });
        Ok(())
    }
}
