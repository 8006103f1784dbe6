//! Calls: functions, operators, the syntaxes of SQL for some, aggregates.

use super::layout::{Told, Untold, Writer};
use super::quoted;
use super::simple::Parent;
use crate::bound::outline::{CallOutline, Spelling};
use crate::bound::{AggregateCall, Expr};
use base::id::Oid;
use catalog::builtin::{self, Operator, all_operators};
use types::Datum;
use types::sql_type::oid;

/// The operator that a call stands for.
pub(super) fn operator(proc: Oid, args: &[Expr]) -> Option<&'static Operator> {
    let fits = |operator: &&Operator| operator.proc == proc && (operator.left.0 != 0) == (args.len() == 2);
    let exact = |operator: &&Operator| {
        let types: Vec<Oid> = args.iter().map(|arg| arg.ty().oid).collect();
        matches!(types.as_slice(), [.., right] if *right == operator.right)
            && (types.len() == 1 || types.first() == Some(&operator.left))
    };
    if !matches!(args.len(), 1 | 2) {
        return None;
    }
    all_operators().filter(fits).find(exact).or_else(|| all_operators().find(fits))
}

/// The name of a function where it is called.
fn function_name(proc: &builtin::Proc) -> String {
    match proc.name.split_once('.') {
        Some((schema, name)) => format!("{schema}.{}", quoted(name)),
        None => quoted(proc.name),
    }
}

impl Writer<'_> {
    pub(super) fn is_call(&self, expr: &Expr) -> bool {
        if let Some(call) = self.call_of(expr) {
            return !matches!(call, CallOutline::Grouping(_));
        }
        match (Spelling::within(expr), expr) {
            (Some((Spelling::Call | Spelling::Syntax | Spelling::Named(_), _, _)), _) => true,
            (Some((Spelling::Cast, _, inner)), whole) => super::casts::is_call(&inner.ty(), &whole.ty()),
            (Some(_), _) => false,
            (None, Expr::Call { proc, args, ty: _ }) => operator(*proc, args).is_none(),
            (None, Expr::Cast { how, arg: _, ty: _ }) => matches!(how, crate::bound::CastHow::Function(_)),
            (None, _) => false,
        }
    }

    pub(super) fn call(&mut self, proc: Oid, args: &[Expr]) -> Told {
        let Some(operator) = operator(proc, args) else { return self.function(proc, args) };
        self.open();
        match args {
            [left, right] => {
                let place = |is_first| Parent::Operator { name: operator.name, is_first, is_binary: true };
                self.inner(left, true, place(true))?;
                self.put(&format!(" {} ", operator.name));
                self.inner(right, true, place(false))?;
            }
            [right] => {
                self.put(&format!("{} ", operator.name));
                let parent = Parent::Operator { name: operator.name, is_first: true, is_binary: false };
                self.inner(right, true, parent)?;
            }
            _ => return Err(Untold),
        }
        self.close();
        Ok(())
    }

    pub(super) fn function(&mut self, proc: Oid, args: &[Expr]) -> Told {
        self.function_with_names(proc, args, &[])
    }

    /// The same with names before the last arguments.
    pub(super) fn function_with_names(&mut self, proc: Oid, args: &[Expr], names: &[String]) -> Told {
        let row = builtin::proc(proc);
        let name = match row {
            Some(row) => function_name(row),
            None => self.names.function(proc).ok_or(Untold)?,
        };
        self.put(&format!("{name}("));
        let variadic = row.and_then(|row| row.variadic).is_some_and(|element| element != oid::ANY);
        let positional = args.len().saturating_sub(names.len());
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            if variadic && index + 1 == args.len() {
                self.put("VARIADIC ");
            }
            if let Some(name) = index.checked_sub(positional).and_then(|place| names.get(place)) {
                self.put(&format!("{} => ", quoted(name)));
            }
            self.expr(arg, true)?;
        }
        self.put(")");
        Ok(())
    }

    fn words(&mut self, parts: &[(&str, Option<&Expr>)]) -> Told {
        for (word, arg) in parts {
            self.put(word);
            if let Some(arg) = arg {
                self.expr(arg, false)?;
            }
        }
        Ok(())
    }

    /// A call in the words of SQL.
    pub(super) fn syntax(&mut self, proc: Oid, args: &[Expr]) -> Told {
        let row = builtin::proc(proc).ok_or(Untold)?;
        let word = |arg: &Expr| match arg {
            Expr::Const(Datum::Text(word), _) => Ok(word.clone()),
            _ => Err(Untold),
        };
        match (row.name, args) {
            ("timezone", [zone, time]) => {
                self.put("(");
                self.inner(time, false, Parent::Cast)?;
                self.put(" AT TIME ZONE ");
                self.inner(zone, false, Parent::Cast)?;
                self.put(")");
                Ok(())
            }
            ("extract", [field, from]) => {
                let field = word(field)?;
                self.put(&format!("EXTRACT({field} FROM "));
                self.words(&[("", Some(from)), (")", None)])
            }
            ("position", [text, part]) => {
                self.put("POSITION((");
                self.expr(part, false)?;
                self.put(") IN (");
                self.expr(text, false)?;
                self.put("))");
                Ok(())
            }
            // By a pattern: for that there are no words.
            ("substring", [_, from]) if from.ty().oid == oid::TEXT => self.function(proc, args),
            ("substring", [text, from]) => {
                self.words(&[("SUBSTRING(", Some(text)), (" FROM ", Some(from)), (")", None)])
            }
            ("substring", [text, from, length]) => self.words(&[
                ("SUBSTRING(", Some(text)),
                (" FROM ", Some(from)),
                (" FOR ", Some(length)),
                (")", None),
            ]),
            ("overlay", [text, what, from]) => self.words(&[
                ("OVERLAY(", Some(text)),
                (" PLACING ", Some(what)),
                (" FROM ", Some(from)),
                (")", None),
            ]),
            ("overlay", [text, what, from, length]) => self.words(&[
                ("OVERLAY(", Some(text)),
                (" PLACING ", Some(what)),
                (" FROM ", Some(from)),
                (" FOR ", Some(length)),
                (")", None),
            ]),
            ("btrim" | "ltrim" | "rtrim", [text, rest @ ..]) => {
                self.put(match row.name {
                    "btrim" => "TRIM(BOTH",
                    "ltrim" => "TRIM(LEADING",
                    _ => "TRIM(TRAILING",
                });
                if let Some(what) = rest.first() {
                    self.words(&[(" ", Some(what))])?;
                }
                self.words(&[(" FROM ", Some(text)), (")", None)])
            }
            ("overlaps", [a, b, c, d]) => self.words(&[
                ("((", Some(a)),
                (", ", Some(b)),
                (") OVERLAPS (", Some(c)),
                (", ", Some(d)),
                ("))", None),
            ]),
            ("normalize", [text]) => self.words(&[("NORMALIZE(", Some(text)), (")", None)]),
            ("is_normalized", [text]) => {
                self.put("(");
                self.inner(text, false, Parent::Cast)?;
                self.put(" IS NORMALIZED)");
                Ok(())
            }
            ("normalize", [text, form]) => {
                let form = word(form)?;
                self.words(&[("NORMALIZE(", Some(text))])?;
                self.put(&format!(", {form})"));
                Ok(())
            }
            ("is_normalized", [text, form]) => {
                let form = word(form)?;
                self.put("(");
                self.inner(text, false, Parent::Cast)?;
                self.put(&format!(" IS {form} NORMALIZED)"));
                Ok(())
            }
            _ => Err(Untold),
        }
    }

    /// What a column of a query's calls stands for.
    pub(super) fn kept_call(&mut self, call: &CallOutline) -> Told {
        match call {
            CallOutline::Aggregate(call) => self.aggregate(call),
            CallOutline::Window(call, over) => self.window_call(call, over),
            CallOutline::Set(call) => self.function(call.proc, &call.args),
            CallOutline::Grouping(args) => {
                self.put("GROUPING(");
                self.listed(&args.iter().collect::<Vec<_>>())?;
                self.put(")");
                Ok(())
            }
        }
    }

    fn aggregate(&mut self, call: &AggregateCall) -> Told {
        let row = builtin::proc(call.proc).ok_or(Untold)?;
        let within = builtin::aggregate(call.proc).is_some_and(|aggregate| aggregate.kind != 'n');
        self.put(&format!("{}(", function_name(row)));
        if call.distinct {
            self.put("DISTINCT ");
        }
        let direct = match within {
            true => call.args.len().saturating_sub(call.order_by.len()),
            false => call.args.len(),
        };
        let args: Vec<&Expr> = call.args.iter().take(direct).collect();
        match args.is_empty() && !within {
            true => self.put("*"),
            false => self.listed(&args)?,
        }
        if within {
            self.put(") WITHIN GROUP (ORDER BY ");
            self.sort_keys(&call.order_by)?;
        } else if !call.order_by.is_empty() {
            self.put(" ORDER BY ");
            self.sort_keys(&call.order_by)?;
        }
        self.put(")");
        self.filter(call.filter.as_deref())
    }

    pub(super) fn filter(&mut self, filter: Option<&Expr>) -> Told {
        let Some(filter) = filter else { return Ok(()) };
        self.put(" FILTER (WHERE ");
        self.expr(filter, false)?;
        self.put(")");
        Ok(())
    }
}
