//! Values that become those of a domain: unchanged, or an error.
//!
//! Must not know definitions beyond what the bound tree says of them.
//! Invariant: of all values that a domain does not take the first is reported, and of its rules the first that it breaks.

use crate::failure::{from_arrow, into_datafusion};
use crate::lower::StatementContext;
use crate::lower::evaluate::Evaluator;
use crate::lower::scope::{Lowering, Scope};
use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::datatypes::DataType;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr as PlanExpr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sql::bound::{DomainRules, Expr, walk};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use types::{SqlType, user_type};

impl Lowering<'_> {
    pub(crate) fn domain(
        &mut self,
        scope: &mut Scope,
        rules: &Arc<DomainRules>,
        arg: &Expr,
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        let arg = self.expr(scope, arg)?;
        let value = std::slice::from_ref(&rules.value);
        let checks = rules
            .checks
            .iter()
            .map(|(_, check)| Evaluator::new(self.context, std::slice::from_ref(check), value));
        let udf = DomainUdf {
            checks: checks.collect::<Result<_>>()?,
            rules: Arc::clone(rules),
            ty: ty.clone(),
            statement: Arc::clone(&self.context.statement),
            signature: Signature::any(1, volatility(rules)),
        };
        Ok(ScalarUDF::new_from_impl(udf).call(vec![arg]))
    }
}

/// A check that is volatile is made as often as the value is made one of the domain.
fn volatility(rules: &DomainRules) -> Volatility {
    let mut volatile = false;
    for (_, check) in &rules.checks {
        walk::visit(check, &mut |part| {
            if let Expr::Call { proc, .. } = part {
                volatile |= builtin::proc(*proc).is_none_or(|row| row.volatility == 'v');
            }
        });
    }
    if volatile { Volatility::Volatile } else { Volatility::Immutable }
}

/// The test as a function of the value.
#[derive(Debug)]
struct DomainUdf {
    rules: Arc<DomainRules>,
    /// One for each of the checks.
    checks: Vec<Evaluator>,
    ty: SqlType,
    statement: Arc<StatementContext>,
    signature: Signature,
}

/// Within a statement the domain says what the rules are.
impl PartialEq for DomainUdf {
    fn eq(&self, other: &Self) -> bool {
        self.rules.domain == other.rules.domain && self.ty == other.ty
    }
}

impl Eq for DomainUdf {}

impl Hash for DomainUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rules.domain.hash(state);
        self.ty.hash(state);
    }
}

impl ScalarUDFImpl for DomainUdf {
    fn name(&self) -> &'static str {
        "domain"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Two domains over one value are two expressions.
    fn schema_name(&self, args: &[PlanExpr]) -> PlanResult<String> {
        let args = args.iter().map(|arg| arg.schema_name().to_string()).collect::<Vec<_>>();
        Ok(format!("domain_{}({})", self.ty.named(), args.join(", ")))
    }

    fn return_type(&self, _: &[DataType]) -> PlanResult<DataType> {
        Ok(self.ty.form.arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let Some(value) = args.args.into_iter().next() else {
            return Err(into_datafusion(Error::internal("a domain of no value")));
        };
        let array = match &value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => ScalarValue::to_array(scalar)?,
        };
        self.check(&array).map_err(into_datafusion)?;
        Ok(value)
    }
}

impl DomainUdf {
    fn check(&self, array: &ArrayRef) -> Result<()> {
        match self.ty.domain.is_some_and(user_type::is_array) {
            true => self.check_values(&elements(array)?),
            false => self.check_values(array),
        }
    }

    fn check_values(&self, values: &ArrayRef) -> Result<()> {
        // The first value that breaks a rule, and the rule; NOT NULL has no name.
        let mut first: Option<(usize, Option<&str>)> = None;
        if self.rules.not_null && values.null_count() > 0 {
            first = (0..values.len()).find(|row| values.is_null(*row)).map(|row| (row, None));
        }
        for (check, (name, _)) in self.checks.iter().zip(&self.rules.checks) {
            let end = first.map_or(values.len(), |(row, _)| row);
            if end == 0 {
                break;
            }
            // What stands behind a value that breaks a rule is not looked at.
            let conditions = check.evaluate(vec![values.slice(0, end)], end)?;
            let conditions = conditions.first().ok_or_else(|| Error::internal("a check without result"))?;
            let conditions = conditions.as_boolean();
            let broken = (0..end).find(|row| conditions.is_valid(*row) && !conditions.value(*row));
            first = broken.map(|row| (row, Some(name.as_str()))).or(first);
        }
        let Some((_, rule)) = first else { return Ok(()) };
        let StatementContext { catalog, search_path, .. } = self.statement.as_ref();
        let domain = crate::names::user_type(catalog, search_path, self.rules.domain).unwrap_or_default();
        Err(match rule.filter(|name| !name.is_empty()) {
            None => {
                let message = format!("domain {domain} does not allow null values");
                Error::new(ErrorKind::NotNullViolation, message)
            }
            Some(check) => {
                let message = format!("value for domain {domain} violates check constraint \"{check}\"");
                Error::new(ErrorKind::CheckViolation, message)
            }
        })
    }
}

/// The elements of arrays, one after the other.
fn elements(arrays: &ArrayRef) -> Result<ArrayRef> {
    let lost = || Error::internal("an array without elements");
    let lists = arrays.as_struct_opt().and_then(|parts| parts.columns().first()).ok_or_else(lost)?;
    let lists = lists.as_list_opt::<i32>().ok_or_else(lost)?;
    let mut wanted: Vec<u64> = Vec::with_capacity(lists.values().len());
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        let [start, end] = ends else { continue };
        if arrays.is_valid(row) && lists.is_valid(row) {
            let place = |at: &i32| u64::try_from(*at).map_err(|_| lost());
            wanted.extend(place(start)?..place(end)?);
        }
    }
    arrow::compute::take(lists.values().as_ref(), &UInt64Array::from(wanted), None).map_err(from_arrow)
}
