//! has_table_privilege() and its like. One role owns everything, so that it may do whatever can be asked for.
//!
//! Invariant: what does not exist is an error by name and null by OID; a privilege that is none is an error.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::each;
use crate::kernel::objects;
use crate::kernel::system::table;
use crate::names;
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use types::Datum;
use types::sql_type::oid;

/// What a privilege is asked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    Column,
    Schema,
    Database,
    Sequence,
    Type,
    Function,
    Language,
    Tablespace,
    /// A foreign server or foreign-data wrapper, of which there are none.
    Server,
    Wrapper,
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
            Kind::Sequence => &["usage", "select", "update"],
            Kind::Type | Kind::Language | Kind::Server | Kind::Wrapper => &["usage"],
            Kind::Function => &["execute"],
            Kind::Tablespace => &["create"],
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
            (Datum::UInt32(id), Kind::Sequence) => match is_relation(call, *id) {
                true if !is_sequence(call, *id) => {
                    let name = names::relation(&call.statement.catalog, &[], *id).unwrap_or_default();
                    let name = name.rsplit('.').next().unwrap_or_default().to_owned();
                    Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a sequence")))
                }
                exists => Ok(exists),
            },
            (Datum::UInt32(id), Kind::Type) => Ok(builtin::type_by_oid(Oid(*id)).is_some()),
            (Datum::UInt32(id), Kind::Function) => {
                let own = call.statement.catalog.function(Oid(*id)).is_some();
                Ok(own || builtin::proc(Oid(*id)).is_some())
            }
            (Datum::UInt32(id), Kind::Language) => Ok(has_builtin("pg_language", *id)),
            (Datum::UInt32(_), Kind::Server | Kind::Wrapper) => Ok(false),
            (Datum::UInt32(id), Kind::Tablespace) => Ok(has_builtin("pg_tablespace", *id)),
            (Datum::Text(name), kind) => kind.find(call, name).map(|()| true),
            _ => Err(Error::internal("an object that is neither named nor numbered")),
        }
    }

    fn find(self, call: &Call<'_>, name: &str) -> Result<()> {
        let statement = call.statement;
        let (found, kind, what) = match self {
            Kind::Table | Kind::Column => return objects::relation_named(call, name).map(|_| ()),
            Kind::Sequence => {
                let id = objects::relation_named(call, name)?;
                return self.exists(call, &Datum::UInt32(id)).map(|_| ());
            }
            Kind::Type => return objects::named(call, oid::REGTYPE, name).map(|_| ()),
            Kind::Function => return objects::named(call, oid::REGPROCEDURE, name).map(|_| ()),
            Kind::Language => {
                (is_named("pg_language", "lanname", name), ErrorKind::UndefinedObject, "language")
            }
            Kind::Server => (false, ErrorKind::UndefinedObject, "server"),
            Kind::Wrapper => (false, ErrorKind::UndefinedObject, "foreign-data wrapper"),
            Kind::Tablespace => {
                (is_named("pg_tablespace", "spcname", name), ErrorKind::UndefinedObject, "tablespace")
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

fn is_named(relation: &str, column: &str, name: &str) -> bool {
    let Some(relation) = builtin::relation(relation) else { return false };
    let Some(place) = relation.column(column) else { return false };
    relation.rows.iter().any(|row| row.get(place).is_some_and(|v| v.as_deref() == Some(name)))
}

fn is_relation(call: &Call<'_>, id: u32) -> bool {
    names::is_visible(&call.statement.catalog, &call.statement.search_path, id).is_some()
}

fn is_sequence(call: &Call<'_>, id: u32) -> bool {
    call.statement.catalog.sequences().any(|sequence| sequence.oid == Oid(id))
}

/// The OID of a role; by name it must exist.
fn role(call: &Call<'_>, role: &Datum) -> Result<Oid> {
    match role {
        Datum::UInt32(id) => Ok(Oid(*id)),
        Datum::Text(name) if *name == call.statement.user => Ok(builtin::OWNER),
        Datum::Text(name) => builtin::role_named(name).ok_or_else(|| {
            let message = format!("role \"{name}\" does not exist");
            Error::new(ErrorKind::UndefinedObject, message)
        }),
        _ => Err(Error::internal("a role that is neither named nor numbered")),
    }
}

/// Whether a role may do everything; only one can. What others may do is not kept.
fn is_owner(call: &Call<'_>, given: &Datum) -> Result<bool> {
    if matches!(given, Datum::Text(name) if name == "public") {
        return Err(Error::unsupported("privileges of PUBLIC are not kept"));
    }
    let found = role(call, given)?;
    if found != builtin::OWNER && builtin::role_name(found).is_some() {
        return Err(Error::unsupported("privileges of other roles than the owner are not kept"));
    }
    Ok(found == builtin::OWNER)
}

/// The columns of a relation with their numbers.
fn columns_of(call: &Call<'_>, id: u32) -> Vec<(String, i16)> {
    let catalog = &call.statement.catalog;
    if let Some(table) = table(call, id) {
        return table.columns.iter().map(|c| (c.name.clone(), c.number())).collect();
    }
    if let Some(view) = catalog.view_of_relation(Oid(id)) {
        return view.columns.iter().map(|c| c.name.clone()).zip(1..).collect();
    }
    let system = builtin::system_relation_by_oid(Oid(id));
    system.map(|s| s.columns.iter().map(|c| (c.name.to_owned(), c.attnum)).collect()).unwrap_or_default()
}

fn has_column(call: &Call<'_>, object: &Datum, column: &Datum) -> Result<Option<bool>> {
    let id = match object {
        Datum::UInt32(id) => *id,
        Datum::Text(name) => objects::relation_named(call, name)?,
        _ => return Err(Error::internal("a relation that is neither named nor numbered")),
    };
    let columns = columns_of(call, id);
    match column {
        Datum::Int16(number) => Ok(columns.iter().any(|(_, own)| own == number).then_some(true)),
        Datum::Text(name) if columns.iter().any(|(own, _)| own == name) => Ok(Some(true)),
        Datum::Text(name) => {
            let relation = names::relation(&call.statement.catalog, &call.statement.search_path, id);
            let relation = relation.unwrap_or_default();
            let message = format!("column \"{name}\" of relation \"{relation}\" does not exist");
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
        let ids = roles.iter().map(|given| role(call, given)).collect::<Result<Vec<_>>>()?;
        let member = match ids.as_slice() {
            [member, role] => builtin::is_member(*member, *role),
            _ => true,
        };
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
    ("has_sequence_privilege_id", |c, a| answers(c, a, Kind::Sequence, false, false)),
    ("has_sequence_privilege_name", |c, a| answers(c, a, Kind::Sequence, false, false)),
    ("has_sequence_privilege_name_name", |c, a| answers(c, a, Kind::Sequence, true, false)),
    ("has_sequence_privilege_name_id", |c, a| answers(c, a, Kind::Sequence, true, false)),
    ("has_sequence_privilege_id_name", |c, a| answers(c, a, Kind::Sequence, true, false)),
    ("has_sequence_privilege_id_id", |c, a| answers(c, a, Kind::Sequence, true, false)),
    ("has_type_privilege_id", |c, a| answers(c, a, Kind::Type, false, false)),
    ("has_type_privilege_name", |c, a| answers(c, a, Kind::Type, false, false)),
    ("has_type_privilege_name_name", |c, a| answers(c, a, Kind::Type, true, false)),
    ("has_type_privilege_name_id", |c, a| answers(c, a, Kind::Type, true, false)),
    ("has_type_privilege_id_name", |c, a| answers(c, a, Kind::Type, true, false)),
    ("has_type_privilege_id_id", |c, a| answers(c, a, Kind::Type, true, false)),
    ("has_function_privilege_id", |c, a| answers(c, a, Kind::Function, false, false)),
    ("has_function_privilege_name", |c, a| answers(c, a, Kind::Function, false, false)),
    ("has_function_privilege_name_name", |c, a| answers(c, a, Kind::Function, true, false)),
    ("has_function_privilege_name_id", |c, a| answers(c, a, Kind::Function, true, false)),
    ("has_function_privilege_id_name", |c, a| answers(c, a, Kind::Function, true, false)),
    ("has_function_privilege_id_id", |c, a| answers(c, a, Kind::Function, true, false)),
    ("has_language_privilege_id", |c, a| answers(c, a, Kind::Language, false, false)),
    ("has_language_privilege_name", |c, a| answers(c, a, Kind::Language, false, false)),
    ("has_language_privilege_name_name", |c, a| answers(c, a, Kind::Language, true, false)),
    ("has_language_privilege_name_id", |c, a| answers(c, a, Kind::Language, true, false)),
    ("has_language_privilege_id_name", |c, a| answers(c, a, Kind::Language, true, false)),
    ("has_language_privilege_id_id", |c, a| answers(c, a, Kind::Language, true, false)),
    ("has_tablespace_privilege_id", |c, a| answers(c, a, Kind::Tablespace, false, false)),
    ("has_tablespace_privilege_name", |c, a| answers(c, a, Kind::Tablespace, false, false)),
    ("has_tablespace_privilege_name_name", |c, a| answers(c, a, Kind::Tablespace, true, false)),
    ("has_tablespace_privilege_name_id", |c, a| answers(c, a, Kind::Tablespace, true, false)),
    ("has_tablespace_privilege_id_name", |c, a| answers(c, a, Kind::Tablespace, true, false)),
    ("has_tablespace_privilege_id_id", |c, a| answers(c, a, Kind::Tablespace, true, false)),
    ("has_server_privilege_id", |c, a| answers(c, a, Kind::Server, false, false)),
    ("has_server_privilege_name", |c, a| answers(c, a, Kind::Server, false, false)),
    ("has_server_privilege_name_name", |c, a| answers(c, a, Kind::Server, true, false)),
    ("has_server_privilege_name_id", |c, a| answers(c, a, Kind::Server, true, false)),
    ("has_server_privilege_id_name", |c, a| answers(c, a, Kind::Server, true, false)),
    ("has_server_privilege_id_id", |c, a| answers(c, a, Kind::Server, true, false)),
    ("has_foreign_data_wrapper_privilege_id", |c, a| answers(c, a, Kind::Wrapper, false, false)),
    ("has_foreign_data_wrapper_privilege_name", |c, a| answers(c, a, Kind::Wrapper, false, false)),
    ("has_foreign_data_wrapper_privilege_name_name", |c, a| answers(c, a, Kind::Wrapper, true, false)),
    ("has_foreign_data_wrapper_privilege_name_id", |c, a| answers(c, a, Kind::Wrapper, true, false)),
    ("has_foreign_data_wrapper_privilege_id_name", |c, a| answers(c, a, Kind::Wrapper, true, false)),
    ("has_foreign_data_wrapper_privilege_id_id", |c, a| answers(c, a, Kind::Wrapper, true, false)),
];
