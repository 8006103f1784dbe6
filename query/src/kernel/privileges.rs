//! has_table_privilege() and its like. One role owns everything, so that it may do whatever can be asked for.
//!
//! Invariant: what does not exist is an error by name and null by OID; a privilege that is none is an error.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::each;
use crate::kernel::objects;
use crate::kernel::quoting::parse_ident;
use crate::kernel::system::{BOOTSTRAP_ROLE, table};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use types::Datum;

/// What a privilege is asked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    Column,
    Schema,
    Database,
}

impl Kind {
    fn privileges(self) -> &'static [&'static str] {
        match self {
            Kind::Table => {
                &["select", "insert", "update", "delete", "truncate", "references", "trigger", "rule"]
            }
            Kind::Column => &["select", "insert", "update", "references"],
            Kind::Schema => &["create", "usage"],
            Kind::Database => &["create", "temporary", "temp", "connect"],
        }
    }

    /// Refuses a list of privileges with one that objects of the kind do not have.
    fn check(self, list: &str) -> Result<()> {
        for item in list.split(',').map(str::trim) {
            let lower = item.to_ascii_lowercase();
            let name = lower.strip_suffix(" with grant option").unwrap_or(&lower);
            if !self.privileges().contains(&name) {
                let message = format!("unrecognized privilege type: \"{item}\"");
                return Err(Error::new(ErrorKind::InvalidParameterValue, message));
            }
        }
        Ok(())
    }

    /// Whether an object is there: by OID it may not be, by name it must.
    fn exists(self, call: &Call<'_>, object: &Datum) -> Result<bool> {
        match (object, self) {
            (Datum::UInt32(id), Kind::Table | Kind::Column) => Ok(is_relation(call, *id)),
            (Datum::UInt32(id), Kind::Schema) => {
                let own = call.statement.catalog.schemas().any(|s| s.oid == Oid(*id));
                Ok(own || has_builtin("pg_namespace", *id))
            }
            (Datum::UInt32(id), Kind::Database) => Ok(has_builtin("pg_database", *id)),
            (Datum::Text(name), kind) => kind.find(call, name).map(|()| true),
            _ => Err(Error::internal("an object that is neither named nor numbered")),
        }
    }

    fn find(self, call: &Call<'_>, name: &str) -> Result<()> {
        let statement = call.statement;
        let (found, kind, what) = match self {
            Kind::Table | Kind::Column => {
                let parts = parse_ident(name, true)?;
                let shown = parts.join(".");
                let message = format!("relation \"{shown}\" does not exist");
                return match objects::relation(call, &parts) {
                    Some(_) => Ok(()),
                    None => Err(Error::new(ErrorKind::UndefinedTable, message)),
                };
            }
            Kind::Schema => (objects::schema(call, name).is_some(), ErrorKind::UndefinedSchema, "schema"),
            Kind::Database => (name == statement.database, ErrorKind::UndefinedDatabase, "database"),
        };
        if found { Ok(()) } else { Err(Error::new(kind, format!("{what} \"{name}\" does not exist"))) }
    }
}

fn has_builtin(relation: &str, id: u32) -> bool {
    let Some(relation) = builtin::relation(relation) else { return false };
    let Some(place) = relation.column("oid") else { return false };
    let wanted = id.to_string();
    relation.rows.iter().any(|row| row.get(place).is_some_and(|v| v.as_deref() == Some(&wanted)))
}

fn is_relation(call: &Call<'_>, id: u32) -> bool {
    let is_index =
        || call.statement.catalog.tables().any(|t| t.has_primary_key() && t.oid.0.saturating_add(1) == id);
    table(call, id).is_some() || builtin::system_relation_by_oid(Oid(id)).is_some() || is_index()
}

/// Whether a role may do everything; only one can, and others do not exist.
fn is_owner(call: &Call<'_>, role: &Datum) -> Result<bool> {
    match role {
        Datum::UInt32(id) => Ok(*id == BOOTSTRAP_ROLE),
        Datum::Text(name) if name == "public" => Err(Error::unsupported("privileges of PUBLIC are not kept")),
        Datum::Text(name) if objects::is_role(call, name) => Ok(true),
        Datum::Text(name) => {
            let message = format!("role \"{name}\" does not exist");
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
        _ => Err(Error::internal("a role that is neither named nor numbered")),
    }
}

fn has_column(call: &Call<'_>, object: &Datum, column: &Datum) -> Result<Option<bool>> {
    let def = match object {
        Datum::UInt32(id) => table(call, *id).map(AsRef::as_ref),
        Datum::Text(name) => objects::table_of(call, &parse_ident(name, true)?),
        _ => None,
    };
    let Some(def) = def else {
        return Err(Error::unsupported("privileges of columns of built-in relations are not supported"));
    };
    match column {
        Datum::Int16(number) => {
            Ok(def.columns.iter().any(|column| column.number() == *number).then_some(true))
        }
        Datum::Text(name) if def.columns.iter().any(|c| c.name == *name) => Ok(Some(true)),
        Datum::Text(name) => {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", def.name);
            Err(Error::new(ErrorKind::UndefinedColumn, message))
        }
        _ => Err(Error::internal("a column that is neither named nor numbered")),
    }
}

/// The answer for an optional role, an object, an optional column and a list of privileges.
fn answers(call: &Call<'_>, args: &[Arg], kind: Kind, role: bool, column: bool) -> Result<ArrayRef> {
    each(call, args, |row| {
        if row.contains(&Datum::Null) {
            return Ok(Datum::Null);
        }
        let mut rest = row.as_slice();
        let mut allowed = true;
        if role && let Some((first, others)) = rest.split_first() {
            allowed = is_owner(call, first)?;
            rest = others;
        }
        let (Some((object, others)), Some(Datum::Text(list))) = (rest.split_first(), rest.last()) else {
            return Err(Error::internal("a privilege without an object"));
        };
        let exists = kind.exists(call, object)?;
        let privileges = if column { Kind::Column } else { kind };
        let found = match others.first().filter(|_| column && exists) {
            Some(column) => has_column(call, object, column)?.is_some(),
            None => exists,
        };
        privileges.check(list)?;
        Ok(if found { Datum::Bool(allowed) } else { Datum::Null })
    })
}

/// pg_has_role: whether a role, the current one without, may act as another.
fn has_role(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| {
        if row.contains(&Datum::Null) {
            return Ok(Datum::Null);
        }
        let Some((Datum::Text(list), roles)) = row.split_last() else {
            return Err(Error::internal("a role without a privilege"));
        };
        let mut member = true;
        for (place, role) in roles.iter().enumerate() {
            // Who owns everything may act as whatever has a number.
            let is_member = roles.len() == 2 && place == 0;
            let known = is_owner(call, role)?;
            member &= known || !is_member;
        }
        for item in list.split(',').map(str::trim) {
            let lower = item.to_ascii_lowercase();
            let name = [" with grant option", " with admin option"]
                .iter()
                .find_map(|suffix| lower.strip_suffix(suffix))
                .unwrap_or(&lower);
            if !matches!(name, "usage" | "member") {
                let message = format!("unrecognized privilege type: \"{item}\"");
                return Err(Error::new(ErrorKind::InvalidParameterValue, message));
            }
        }
        Ok(Datum::Bool(member))
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pg_has_role_name", has_role),
    ("pg_has_role_id", has_role),
    ("pg_has_role_name_name", has_role),
    ("pg_has_role_name_id", has_role),
    ("pg_has_role_id_name", has_role),
    ("pg_has_role_id_id", has_role),
    ("has_table_privilege_id", |c, a| answers(c, a, Kind::Table, false, false)),
    ("has_table_privilege_name", |c, a| answers(c, a, Kind::Table, false, false)),
    ("has_table_privilege_name_name", |c, a| answers(c, a, Kind::Table, true, false)),
    ("has_table_privilege_name_id", |c, a| answers(c, a, Kind::Table, true, false)),
    ("has_table_privilege_id_name", |c, a| answers(c, a, Kind::Table, true, false)),
    ("has_table_privilege_id_id", |c, a| answers(c, a, Kind::Table, true, false)),
    ("has_any_column_privilege_id", |c, a| answers(c, a, Kind::Column, false, false)),
    ("has_any_column_privilege_name", |c, a| answers(c, a, Kind::Column, false, false)),
    ("has_any_column_privilege_name_name", |c, a| answers(c, a, Kind::Column, true, false)),
    ("has_any_column_privilege_name_id", |c, a| answers(c, a, Kind::Column, true, false)),
    ("has_any_column_privilege_id_name", |c, a| answers(c, a, Kind::Column, true, false)),
    ("has_any_column_privilege_id_id", |c, a| answers(c, a, Kind::Column, true, false)),
    ("has_column_privilege_name_name", |c, a| answers(c, a, Kind::Column, false, true)),
    ("has_column_privilege_name_attnum", |c, a| answers(c, a, Kind::Column, false, true)),
    ("has_column_privilege_id_name", |c, a| answers(c, a, Kind::Column, false, true)),
    ("has_column_privilege_id_attnum", |c, a| answers(c, a, Kind::Column, false, true)),
    ("has_column_privilege_name_name_name", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_name_name_attnum", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_name_id_name", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_name_id_attnum", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_id_name_name", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_id_name_attnum", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_id_id_name", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_column_privilege_id_id_attnum", |c, a| answers(c, a, Kind::Column, true, true)),
    ("has_schema_privilege_id", |c, a| answers(c, a, Kind::Schema, false, false)),
    ("has_schema_privilege_name", |c, a| answers(c, a, Kind::Schema, false, false)),
    ("has_schema_privilege_name_name", |c, a| answers(c, a, Kind::Schema, true, false)),
    ("has_schema_privilege_name_id", |c, a| answers(c, a, Kind::Schema, true, false)),
    ("has_schema_privilege_id_name", |c, a| answers(c, a, Kind::Schema, true, false)),
    ("has_schema_privilege_id_id", |c, a| answers(c, a, Kind::Schema, true, false)),
    ("has_database_privilege_id", |c, a| answers(c, a, Kind::Database, false, false)),
    ("has_database_privilege_name", |c, a| answers(c, a, Kind::Database, false, false)),
    ("has_database_privilege_name_name", |c, a| answers(c, a, Kind::Database, true, false)),
    ("has_database_privilege_name_id", |c, a| answers(c, a, Kind::Database, true, false)),
    ("has_database_privilege_id_name", |c, a| answers(c, a, Kind::Database, true, false)),
    ("has_database_privilege_id_id", |c, a| answers(c, a, Kind::Database, true, false)),
];
