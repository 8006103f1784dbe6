//! Window functions and WINDOW.

use super::layout::{STEP, Told, Untold, Writer};
use super::quoted;
use crate::bound::outline::{FrameForm, OverOutline, WindowOutline};
use crate::bound::{Expr, FrameBound, FrameExclude, FrameUnit, WindowCall, WindowFrame};
use catalog::builtin::{self, ProcKind};

impl Writer<'_> {
    /// WINDOW of a SELECT.
    pub(super) fn windows(&mut self, windows: &[(String, WindowOutline)]) -> Told {
        for (index, (name, window)) in windows.iter().enumerate() {
            match index {
                0 => self.word(" WINDOW ", -STEP, STEP, 1),
                _ => self.put(", "),
            }
            self.put(&format!("{} AS ", quoted(name)));
            self.window(window)?;
        }
        Ok(())
    }

    pub(super) fn window_call(&mut self, call: &WindowCall, over: &OverOutline) -> Told {
        let row = builtin::proc(call.proc).ok_or(Untold)?;
        self.put(&format!("{}(", quoted(row.name)));
        match call.args.is_empty() && row.kind == ProcKind::Aggregate {
            true => self.put("*"),
            false => self.listed(&call.args.iter().collect::<Vec<_>>())?,
        }
        self.put(")");
        self.filter(call.filter.as_deref())?;
        self.put(" OVER ");
        match over {
            OverOutline::Named(name) => {
                self.put(&quoted(name));
                Ok(())
            }
            OverOutline::Spec(form) => self.window(&WindowOutline {
                partition_by: call.partition_by.clone(),
                order_by: call.order_by.clone(),
                frame: call.frame.clone(),
                form: *form,
            }),
        }
    }

    fn window(&mut self, window: &WindowOutline) -> Told {
        self.put("(");
        for (index, expr) in window.partition_by.iter().enumerate() {
            self.put(if index == 0 { "PARTITION BY " } else { ", " });
            self.key(expr)?;
        }
        let mut before = !window.partition_by.is_empty();
        if !window.order_by.is_empty() {
            self.put(if before { " ORDER BY " } else { "ORDER BY " });
            self.sort_keys(&window.order_by)?;
            before = true;
        }
        if window.form != FrameForm::Default {
            if before {
                self.put(" ");
            }
            self.frame(&window.frame, window.form)?;
        }
        self.put(")");
        Ok(())
    }

    fn frame(&mut self, frame: &WindowFrame, form: FrameForm) -> Told {
        self.put(match frame.unit {
            FrameUnit::Rows => "ROWS ",
            FrameUnit::Range => "RANGE ",
            FrameUnit::Groups => "GROUPS ",
        });
        if form == FrameForm::Between {
            self.put("BETWEEN ");
        }
        self.frame_bound(&frame.start)?;
        if form == FrameForm::Between {
            self.put(" AND ");
            self.frame_bound(&frame.end)?;
        }
        self.put(match frame.exclude {
            FrameExclude::NoOthers => "",
            FrameExclude::CurrentRow => " EXCLUDE CURRENT ROW",
            FrameExclude::Group => " EXCLUDE GROUP",
            FrameExclude::Ties => " EXCLUDE TIES",
        });
        Ok(())
    }

    fn frame_bound(&mut self, bound: &FrameBound) -> Told {
        let mut offset = |offset: &Expr, word| {
            self.expr(offset, false)?;
            Ok(word)
        };
        let word = match bound {
            FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING",
            FrameBound::CurrentRow => "CURRENT ROW",
            FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING",
            FrameBound::Preceding(rows) => offset(rows, " PRECEDING")?,
            FrameBound::Following(rows) => offset(rows, " FOLLOWING")?,
        };
        self.put(word);
        Ok(())
    }
}
