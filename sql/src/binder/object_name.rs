//! Constants of the reg* types: names resolved to OIDs while binding.

use super::Binder;
use super::names::{Relation, fold, located};
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use types::sql_type::oid;
use types::{Datum, SqlType};

impl Binder<'_> {
    /// The object a text names when `ty` is a reg* type; `None` for other types.
    pub(super) fn object_constant(&self, text: &str, ty: &SqlType, at: usize) -> Result<Option<Datum>> {
        if !matches!(ty.oid, oid::REGCLASS | oid::REGTYPE | oid::REGPROC | oid::REGNAMESPACE | oid::REGROLE) {
            return Ok(None);
        }
        let found = match text.trim() {
            "-" => Ok(0),
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| {
                    Error::new(
                        ErrorKind::NumericOutOfRange,
                        format!("value \"{digits}\" is out of range for type oid"),
                    )
                })
            }
            name => self.named_object(name, ty),
        };
        found.map(|n| Some(Datum::UInt32(n))).map_err(|e| located(e, at))
    }

    fn named_object(&self, text: &str, ty: &SqlType) -> Result<u32> {
        if ty.oid == oid::REGTYPE {
            let parsed =
                Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut p| p.parse_data_type());
            let parsed = parsed.map_err(|_| undefined("type", text))?;
            return self.sql_type(&parsed).map(|t| t.oid.0);
        }
        let name = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(text)
            .and_then(|mut p| p.parse_object_name(false));
        let name = name.map_err(|_| Error::new(ErrorKind::InvalidText, "invalid name syntax"))?;
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident().map(fold)).collect();
        let (schema, last) = match parts.as_slice() {
            [name] => (None, name.as_str()),
            [schema, name] => (Some(schema.as_str()), name.as_str()),
            _ => return Err(Error::new(ErrorKind::InvalidText, "invalid name syntax")),
        };
        match ty.oid {
            oid::REGCLASS => match self.find_relation(schema, last) {
                Some(Relation::Table(table)) => Ok(table.oid.0),
                Some(Relation::System(system)) => Ok(system.oid.0),
                None => {
                    let message = format!("relation \"{text}\" does not exist");
                    Err(Error::new(ErrorKind::UndefinedTable, message))
                }
            },
            oid::REGPROC => {
                let mut found = builtin::procs_named(last).map(|p| p.oid.0);
                match (found.next(), found.next()) {
                    (Some(one), None) => Ok(one),
                    (Some(_), Some(_)) => {
                        let message = format!("more than one function named \"{text}\"");
                        Err(Error::new(ErrorKind::AmbiguousFunction, message))
                    }
                    (None, _) => {
                        let message = format!("function \"{text}\" does not exist");
                        Err(Error::new(ErrorKind::UndefinedFunction, message))
                    }
                }
            }
            oid::REGNAMESPACE => match last {
                "pg_catalog" => Ok(11),
                name => {
                    let user = self.context.catalog.schema_named(name).map(|s| s.oid.0);
                    user.or_else(|| built_in_schema(name)).ok_or_else(|| {
                        Error::new(ErrorKind::UndefinedSchema, format!("schema \"{name}\" does not exist"))
                    })
                }
            },
            _ if last == "postgres" => Ok(10),
            _ => Err(undefined("role", last)),
        }
    }
}

fn built_in_schema(name: &str) -> Option<u32> {
    let relation = builtin::relation("pg_namespace")?;
    let (oid, column) = (relation.column("oid")?, relation.column("nspname")?);
    let row = relation.rows.iter().find(|r| r.get(column).and_then(|v| v.as_deref()) == Some(name))?;
    row.get(oid)?.as_deref()?.parse().ok()
}

fn undefined(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::UndefinedObject, format!("{what} \"{name}\" does not exist"))
}
