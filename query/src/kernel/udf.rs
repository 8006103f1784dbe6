//! A kernel as a scalar function of DataFusion.
//!
//! Invariant: two of them are equal when they compute the same: function, argument types and result type.

use crate::failure::{from_arrow, into_datafusion};
use crate::kernel::call::{Arg, Call, Run};
use crate::lower::StatementContext;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use base::id::Oid;
use base::limits::CALL_DEPTH_MAX;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use types::{Form, SqlType};

/// A kernel with the types of one call.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    /// pg_proc OID; 0 for functions that SQL cannot name.
    pub(crate) oid: u32,
    pub(crate) run: Run,
    pub(crate) args: Vec<SqlType>,
    pub(crate) ret: SqlType,
    pub(crate) volatile: bool,
    pub(crate) statement: Arc<StatementContext>,
}

impl Kernel {
    pub(crate) fn run(&self, args: &[Arg], rows: usize) -> Result<ArrayRef> {
        let call = Call { args: &self.args, ret: &self.ret, rows, statement: &self.statement };
        let array = (self.run)(&call, args)?;
        if array.len() != rows || *array.data_type() != self.ret.form.arrow() {
            return Err(Error::internal(format!(
                "function {} yielded {} rows of {} instead of {rows} of {:?}",
                self.name,
                array.len(),
                array.data_type(),
                self.ret.form
            )));
        }
        Ok(array)
    }

    /// Whether only the arguments decide, by PostgreSQL's book: no setting, no catalog, no time.
    pub(crate) fn is_immutable(&self) -> bool {
        if self.volatile || self.oid != 0 {
            return builtin::proc(Oid(self.oid)).is_some_and(|proc| !self.volatile && proc.volatility == 'i');
        }
        // A conversion by text reads settings for dates and times, arrays and records of them, and names of objects.
        let reads = |ty: &SqlType| match builtin::type_by_oid(ty.oid) {
            Some(row) => matches!(row.category, 'D' | 'T' | 'A' | 'P') || row.name.starts_with("reg"),
            None => true,
        };
        !self.args.iter().chain([&self.ret]).any(reads)
    }

    /// Whether no input makes it fail.
    pub(crate) fn never_fails(&self) -> bool {
        match self.oid {
            0 => matches!(self.name, "key" | "unpadded" | "greatest" | "least"),
            _ => matches!(
                self.name,
                "lower"
                    | "upper"
                    | "length"
                    | "char_length"
                    | "octet_length"
                    | "btrim"
                    | "ltrim"
                    | "rtrim"
                    | "starts_with"
            ),
        }
    }

    /// Whether the result is the argument in another form, so that a comparison may use the argument.
    pub(crate) fn keeps_value(&self) -> bool {
        /// timestamp(date)
        const DATE_TO_TIMESTAMP: u32 = 2024;
        self.oid == DATE_TO_TIMESTAMP || (self.oid == 0 && matches!(self.name, "numeric_form"))
    }

    /// The kernel applied to expressions of its argument types.
    ///
    /// # Errors
    /// `TooComplex` beyond `CALL_DEPTH_MAX` calls inside each other.
    pub(crate) fn call(self, args: Vec<Expr>) -> Result<Expr> {
        let depth = 1 + args.iter().map(call_depth).max().unwrap_or(0);
        if depth > CALL_DEPTH_MAX {
            return Err(Error::new(ErrorKind::TooComplex, "stack depth limit exceeded").with_hint(format!(
                "At most {CALL_DEPTH_MAX} calls can depend on each other for each row. Split the expression."
            )));
        }
        Ok(ScalarUDF::new_from_impl(KernelUdf::new(self, depth)).call(args))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct KernelUdf {
    kernel: Kernel,
    signature: Signature,
    /// Calls inside each other, this one included, when the call was made.
    depth: u32,
}

impl KernelUdf {
    fn new(kernel: Kernel, depth: u32) -> Self {
        let volatility = if kernel.volatile { Volatility::Volatile } else { Volatility::Immutable };
        let signature = match kernel.args.is_empty() {
            true => Signature::nullary(volatility),
            false => Signature::any(kernel.args.len(), volatility),
        };
        Self { kernel, signature, depth }
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

impl PartialEq for KernelUdf {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.kernel, &other.kernel);
        a.name == b.name && a.oid == b.oid && a.args == b.args && a.ret == b.ret
    }
}

impl Eq for KernelUdf {}

impl Hash for KernelUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.oid.hash(state);
        if self.kernel.oid == 0 {
            self.kernel.name.hash(state);
        }
        // Constants of timestamp and timestamptz are one to DataFusion when their instant is: the types tell them apart.
        self.kernel.args.hash(state);
        self.kernel.ret.hash(state);
    }
}

impl ScalarUDFImpl for KernelUdf {
    fn name(&self) -> &str {
        self.kernel.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Plans take two expressions with one name for one: the name tells apart what differs in a type only, which
    /// DataFusion's way to make names does not. It is a digest, because the calls of a long chain would each spell out
    /// all those inside them, and plans ask for the name of each.
    fn schema_name(&self, args: &[Expr]) -> PlanResult<String> {
        let plain = |arg: &Expr| matches!(arg, Expr::Column(_) | Expr::Literal(..));
        // The function and its arguments say what the result is, unless a cast gave it a length or scale.
        let ret = &self.kernel.ret;
        let told = self.kernel.oid != 0
            && ret.typmod == -1
            && !matches!(ret.form, Form::Decimal128 { .. } | Form::Decimal256 { .. });
        if told && args.iter().all(plain) {
            let args = args.iter().map(ToString::to_string).collect::<Vec<_>>();
            return Ok(format!("{}({})", self.kernel.name, args.join(", ")));
        }
        let mut halves = [DefaultHasher::new(), DefaultHasher::new()];
        for (half, number) in halves.iter_mut().zip(0_u8..) {
            number.hash(half);
            self.hash(half);
            args.hash(half);
        }
        let [high, low] = halves.map(|half| half.finish());
        Ok(format!("{}(#{high:016x}{low:016x})", self.kernel.name))
    }

    fn display_name(&self, args: &[Expr]) -> PlanResult<String> {
        match is_short(args)? {
            true => {
                let args = args.iter().map(ToString::to_string).collect::<Vec<_>>();
                Ok(format!("{}({})", self.kernel.name, args.join(", ")))
            }
            false => Ok(format!("{}(..)", self.kernel.name)),
        }
    }

    fn return_type(&self, _args: &[DataType]) -> PlanResult<DataType> {
        Ok(self.kernel.ret.form.arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        self.invoke(&args.args, args.number_rows).map_err(into_datafusion)
    }

    fn conditional_arguments<'a>(&self, _args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        None
    }
}

impl KernelUdf {
    fn invoke(&self, values: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
        let all_constant = !values.is_empty() && values.iter().all(|v| matches!(v, ColumnarValue::Scalar(_)));
        let mut args = Vec::with_capacity(values.len());
        for (value, ty) in values.iter().zip(&self.kernel.args) {
            let arg = match value {
                ColumnarValue::Array(array) => Arg { array: Arc::clone(array), constant: false },
                ColumnarValue::Scalar(scalar) => {
                    Arg { array: scalar.to_array().map_err(crate::failure::from_datafusion)?, constant: true }
                }
            };
            if *arg.array.data_type() != ty.form.arrow() {
                return Err(Error::internal(format!(
                    "function {} was given {} instead of {:?}",
                    self.kernel.name,
                    arg.array.data_type(),
                    ty.form
                )));
            }
            args.push(arg);
        }
        if all_constant && !self.kernel.volatile {
            let array = self.kernel.run(&args, 1)?;
            let scalar = ScalarValue::try_from_array(&array, 0).map_err(crate::failure::from_datafusion)?;
            return Ok(ColumnarValue::Scalar(scalar));
        }
        Ok(ColumnarValue::Array(self.kernel.run(&args, rows)?))
    }
}

/// How many calls are inside each other in an expression.
fn call_depth(expr: &Expr) -> u32 {
    let mut depth = 0;
    // Calls know how deep they are: nothing below them is looked at.
    let walked = expr.apply(|node| {
        let Expr::ScalarFunction(call) = node else { return Ok(TreeNodeRecursion::Continue) };
        let known = call.func.inner().downcast_ref::<KernelUdf>().map_or(1, |udf| udf.depth);
        depth = depth.max(known);
        Ok(TreeNodeRecursion::Jump)
    });
    walked.map_or(u32::MAX, |_| depth)
}

/// Expressions in a call above which its name is a digest.
const SPELLED_MAX: usize = 64;

/// Whether there are so few expressions in the arguments that a name can spell them out.
fn is_short(args: &[Expr]) -> PlanResult<bool> {
    let mut count = 0;
    for arg in args {
        arg.apply(|_| {
            count += 1;
            Ok(if count > SPELLED_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
    }
    Ok(count <= SPELLED_MAX)
}

/// An array of one row repeated.
pub(crate) fn repeated(array: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let zeroes = arrow::array::UInt32Array::from(vec![0_u32; rows]);
    arrow::compute::take(array, &zeroes, None).map_err(from_arrow)
}
