//! CREATE TABLE: columns with types, defaults, sequences and NOT NULL, the primary key, checks; partitioning and what is
//! bound over whole rows are neighbours'.
//!
//! Must not know how a table is stored.
//! Invariants: a stored default has been bound once; columns of the primary key are NOT NULL.

use super::kept::{Part, renamed, with_objects};
use super::new_column::{
    bind_column, check_column_name, column_def, is_pseudo, pseudo_name, refuse_unstored,
};
use super::{foreign_key, partitioning, prepared, rules, unique};
use crate::binder::{BindContext, Binder, Scope};
use crate::bound::{
    BoundCreateTable, BoundCreateTableAs, BoundStatement, NewCheck, NewColumn, NewForeignKey, NewUnique,
    OnCommit, SequenceShape,
};
use crate::parse::{
    CheckSpec, ColumnConstraintKind, ColumnSpec, CreateTableAsSpec, CreateTableSpec, ForeignKeySpec, KeySpec,
    LikeSpec, PartitionLevel, RowsSource,
};
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId};
use base::limits::TABLE_COLUMNS_MAX;
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, Partitioning, TableDef, TableOptions, UniqueDef};
use sqlparser::ast;
use types::SqlType;

pub(super) fn bind(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &CreateTableSpec,
) -> Result<BoundCreateTable> {
    let CreateTableSpec {
        name,
        if_not_exists,
        columns: column_specs,
        likes,
        keys,
        unique: unique_specs,
        foreign_keys: foreign_specs,
        checks,
        partitions,
        options,
        temporary,
    } = spec;
    let (schema, name) = target(binder, name, *temporary)?;
    if column_specs.len() > TABLE_COLUMNS_MAX {
        let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
        return Err(Error::new(ErrorKind::TooManyColumns, message));
    }
    let mut key = Key::default();
    let mut columns: Vec<NewColumn> = Vec::with_capacity(column_specs.len());
    let mut likes = likes.iter().peekable();
    let mut taken_over = Vec::new();
    for (place, column) in column_specs.iter().enumerate() {
        while let Some(like) = likes.next_if(|like| like.behind <= place) {
            taken_over.extend(take_over(binder, context, &name, like, &mut columns, &mut key)?);
        }
        let bound = bind_column(binder, &name, column, columns.len(), &mut key)?;
        if columns.iter().any(|c| c.name == bound.name) {
            let message = format!("column \"{}\" specified more than once", bound.name);
            return Err(
                Error::new(ErrorKind::DuplicateColumn, message).at(binder.position(column.name.span.start))
            );
        }
        columns.push(bound);
    }
    for like in likes {
        taken_over.extend(take_over(binder, context, &name, like, &mut columns, &mut key)?);
    }
    for spec in keys {
        let KeySpec { name: constraint, at, columns: key_columns } = spec;
        let found =
            key_positions(binder, columns.iter().map(|c| c.name.as_str()), key_columns, "primary key", *at)?;
        key.set(&name, found, constraint.as_ref().map(|c| binder.fold(c)), *at)?;
    }
    for index in &key.columns {
        if let Some(column) = columns.get_mut(*index) {
            unique::check_column((&column.name, &column.ty), "primary key", key.at)?;
            column.not_null = true;
        }
    }
    let mut unique: Vec<NewUnique> = Vec::new();
    let of_table = unique_specs.iter().map(|KeySpec { name, at, columns: names }| {
        let columns = key_positions(binder, columns.iter().map(|c| c.name.as_str()), names, "unique", *at)?;
        Ok((*at, NewUnique { name: name.as_ref().map(|name| binder.fold(name)), columns }))
    });
    let of_table = of_table.collect::<Result<Vec<_>>>()?;
    let copied = std::mem::take(&mut key.unique);
    for (at, new) in copied.into_iter().chain(of_table) {
        for column in new.columns.iter().filter_map(|place| columns.get(*place)) {
            unique::check_column((&column.name, &column.ty), "unique constraint", at)?;
        }
        if partitions.iter().any(|level| matches!(level, PartitionLevel::Range { .. })) {
            return Err(unique::of_ranges(at));
        }
        unique::add(&mut unique, (&key.columns, &mut key.name), new);
    }
    let mut own = row_expressions(binder, &name, &mut columns, column_specs, checks)?;
    if let Some(name) =
        taken_over.iter().find_map(|c| own.iter().find(|o| o.name == c.name)).and_then(|c| c.name.clone())
    {
        let message = format!("check constraint \"{name}\" already exists");
        return Err(Error::new(ErrorKind::DuplicateObject, message));
    }
    own.extend(taken_over);
    let checks = own;
    let (hash, range) = partitioning::bind(binder, context, &name, &columns, &key.columns, partitions)?;
    let own = referable(&name, schema, &columns, (&key.columns, &unique), range.is_some());
    let foreign_keys = foreign_keys(binder, &own, temporary.is_some(), column_specs, foreign_specs)?;
    Ok(BoundCreateTable {
        schema,
        name,
        if_not_exists: *if_not_exists,
        columns,
        primary_key: key.columns,
        primary_key_name: key.name,
        hash,
        range,
        options: super::options::set(options, &context.io)?,
        checks,
        unique,
        foreign_keys,
        temporary: *temporary,
    })
}

/// Schema and name of a new table. That of a temporary one is known when it is made.
fn target(
    binder: &Binder<'_>,
    name: &ast::ObjectName,
    temporary: Option<OnCommit>,
) -> Result<(SchemaId, String)> {
    if temporary.is_none() {
        return binder.creation_target(name).map(|(schema, name)| (schema.id, name));
    }
    binder.temporary_target(name).map(|name| (SchemaId(0), name))
}

/// LIKE: the columns of another table join those of the new one; its checks are returned.
fn take_over(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    table: &str,
    like: &LikeSpec,
    columns: &mut Vec<NewColumn>,
    key: &mut Key,
) -> Result<Vec<NewCheck>> {
    let LikeSpec { behind: _, table: source, including } = like;
    let at = source.0.first().and_then(|part| part.as_ident()).map_or(0, |i| binder.position(i.span.start));
    let source = binder.stored_named(source)?;
    let first = columns.len();
    for column in &source.columns {
        if columns.iter().any(|c| c.name == column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        let mut owned = context.catalog.owned_sequences(source.id);
        let own = owned.find(|s| s.owner.is_some_and(|owner| owner.column == column.id));
        let (kind, default, sequence) = match column.kind {
            ColumnKind::Plain if including.defaults => (ColumnKind::Plain, column.default.clone(), None),
            ColumnKind::Generated if including.generated => (column.kind, column.default.clone(), None),
            ColumnKind::Identity { .. } if including.identity => {
                (column.kind, None, own.map(|s| SequenceShape::of(s)))
            }
            ColumnKind::Plain | ColumnKind::Generated | ColumnKind::Identity { .. } => {
                (ColumnKind::Plain, None, None)
            }
        };
        let default = default.map(|text| renamed(&text, Part::Table, &source.name, table)).transpose()?;
        let (name, ty, not_null) = (column.name.clone(), column.ty.clone(), column.not_null);
        columns.push(NewColumn { name, ty, not_null, default, kind, sequence });
    }
    if including.indexes && source.has_primary_key() {
        let places = source.primary_key.iter().filter_map(|id| source.column_index(*id));
        key.set(table, places.map(|place| first + place).collect(), None, at)?;
    }
    for unique in source.unique.iter().filter(|_| including.indexes) {
        let places = unique.columns.iter().filter_map(|id| source.column_index(*id));
        key.add_unique(places.map(|place| first + place).collect(), None, at);
    }
    let checks = source.checks.iter().filter(|_| including.constraints);
    checks
        .map(|check| {
            let places = check.columns.iter().filter_map(|id| source.column_index(*id));
            let text = renamed(&check.text, Part::Table, &source.name, table)?;
            let columns = places.map(|place| first + place).collect();
            Ok(NewCheck { name: Some(check.name.clone()), text, columns })
        })
        .collect()
}

/// CREATE TABLE .. AS.
pub(super) fn bind_as(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &CreateTableAsSpec,
) -> Result<BoundStatement> {
    let CreateTableAsSpec { name, if_not_exists, columns: names, options, source, with_data, temporary } =
        spec;
    let (schema, name) = target(binder, name, *temporary)?;
    if !with_data {
        // Nothing is read: a materialized view without rows may be named.
        binder.named = Some(Vec::new());
    }
    let (given, output) = match source {
        RowsSource::Query(query) => (None, binder.bind_query(query)?.output),
        RowsSource::Execute(spec) => {
            let (query, args) = prepared::query(binder, spec)?;
            let output = query.output.clone();
            (Some((query, args)), output)
        }
    };
    if names.len() > output.len() {
        return Err(Error::new(ErrorKind::Syntax, "too many column names were specified"));
    }
    if output.len() > TABLE_COLUMNS_MAX {
        let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
        return Err(Error::new(ErrorKind::TooManyColumns, message));
    }
    let mut columns: Vec<NewColumn> = Vec::with_capacity(output.len());
    for (index, column) in output.into_iter().enumerate() {
        let name = names.get(index).map_or(column.name, |name| binder.fold(name));
        check_column_name(&name)?;
        if columns.iter().any(|before| before.name == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        let composite = types::user_type::of_composite(column.ty.oid).then(|| column.ty.clone());
        let ty = composite.or_else(|| SqlType::with_typmod(column.ty.oid, column.ty.typmod));
        let ty = ty.filter(|ty| !is_pseudo(ty.oid));
        let Some(ty) = ty else {
            let message = format!("column \"{name}\" has pseudo-type {}", pseudo_name(column.ty.oid));
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
        };
        refuse_unstored(&ty)?;
        let (default, kind, sequence) = (None, ColumnKind::Plain, None);
        columns.push(NewColumn { name, ty, not_null: false, default, kind, sequence });
    }
    let defs: Vec<ColumnDef> = columns.iter().map(column_def).collect();
    let targets: Vec<&ColumnDef> = defs.iter().collect();
    let (bound, args) = match (source, given) {
        (RowsSource::Query(query), _) => {
            // It is bound once more, to the columns' types.
            binder.is_top = true;
            binder.modifying.clear();
            (binder.bind_query_assigned(query, &Scope::empty(), &targets)?, None)
        }
        (RowsSource::Execute(_), Some((query, args))) => {
            (binder.assigned_query(query, &targets)?, Some(args))
        }
        (RowsSource::Execute(_), None) => return Err(Error::internal("a prepared query was lost")),
    };
    let create = BoundStatement::CreateTableAs(Box::new(BoundCreateTableAs {
        create: BoundCreateTable {
            schema,
            name,
            if_not_exists: *if_not_exists,
            columns,
            primary_key: Vec::new(),
            primary_key_name: None,
            hash: Vec::new(),
            range: None,
            options: super::options::set(options, &context.io)?,
            checks: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
            temporary: *temporary,
        },
        source_columns: bound.output.iter().map(|c| c.col).collect(),
        source: bound.rel,
        with_data: *with_data,
    }));
    Ok(match args {
        None => create,
        Some(args) => BoundStatement::Given { args, statement: Box::new(create) },
    })
}

/// Generated columns, which get their expressions, and checks: both are over the columns of the table.
fn row_expressions(
    binder: &mut Binder<'_>,
    table: &str,
    columns: &mut [NewColumn],
    specs: &[ColumnSpec],
    of_table: &[CheckSpec],
) -> Result<Vec<NewCheck>> {
    let def = provisional(table, columns);
    for spec in specs {
        let name = binder.fold(&spec.name);
        let places = columns.iter_mut().zip(&def.columns);
        let Some((column, bound)) = places.into_iter().find(|(column, _)| column.name == name) else {
            continue;
        };
        for constraint in &spec.constraints {
            if let ColumnConstraintKind::Generated(written) = &constraint.kind {
                rules::generated(binder, &def, bound, written)?;
                column.default = Some(with_objects(binder, written)?);
            }
        }
    }
    let of_columns = specs.iter().flat_map(|spec| &spec.constraints).filter_map(|c| match &c.kind {
        ColumnConstraintKind::Check(condition) => Some((&c.name, condition)),
        _ => None,
    });
    let of_table = of_table.iter().map(|CheckSpec { name, at: _, condition }| (name, condition));
    let mut checks: Vec<NewCheck> = Vec::new();
    for (name, condition) in of_columns.chain(of_table) {
        let name = name.as_ref().map(|name| binder.fold(name));
        if name.is_some() && checks.iter().any(|other| other.name == name) {
            let message = format!("check constraint \"{}\" already exists", name.unwrap_or_default());
            return Err(Error::new(ErrorKind::DuplicateObject, message));
        }
        let named = rules::check(binder, &def, condition)?;
        let columns = named.iter().filter_map(|id| def.column_index(*id)).collect();
        checks.push(NewCheck { name, text: with_objects(binder, condition)?, columns });
    }
    Ok(checks)
}

/// The table as far as expressions over its columns need it.
fn provisional(table: &str, columns: &[NewColumn]) -> TableDef {
    let columns =
        columns.iter().zip(1..).map(|(column, id)| ColumnDef { id: ColumnId(id), ..column_def(column) });
    TableDef {
        id: TableId(0),
        oid: Oid(0),
        schema: SchemaId(0),
        name: table.to_owned(),
        schema_version: SchemaVersion(0),
        columns: columns.collect(),
        next_column: ColumnId(0),
        primary_key: Vec::new(),
        primary_key_name: String::new(),
        partitioning: Partitioning::default(),
        tablets: Vec::new(),
        options: TableOptions::default(),
        distinct: Vec::new(),
        checks: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    }
}

/// What columns say of themselves, then what the table says.
fn foreign_keys(
    binder: &Binder<'_>,
    own: &TableDef,
    temporary: bool,
    columns: &[ColumnSpec],
    of_table: &[ForeignKeySpec],
) -> Result<Vec<NewForeignKey>> {
    let of_columns = columns.iter().flat_map(|spec| &spec.constraints).filter_map(|c| match &c.kind {
        ColumnConstraintKind::References(spec) => Some(spec),
        _ => None,
    });
    let bound = of_columns.chain(of_table).map(|spec| {
        let itself = foreign_key::is_itself(binder, spec, own.schema, &own.name)?;
        foreign_key::bind(binder, own, temporary, itself, spec)
    });
    bound.collect()
}

/// The table as far as foreign keys need it.
fn referable(
    name: &str,
    schema: SchemaId,
    columns: &[NewColumn],
    (key, unique): (&[usize], &[NewUnique]),
    by_range: bool,
) -> TableDef {
    let mut def = TableDef { schema, ..provisional(name, columns) };
    let ids = |places: &[usize]| {
        places.iter().filter_map(|place| def.columns.get(*place)).map(|column| column.id).collect::<Vec<_>>()
    };
    let unique = unique.iter().map(|unique| UniqueDef {
        index: TableId(0),
        oid: Oid(0),
        name: String::new(),
        columns: ids(&unique.columns),
        constraint: true,
    });
    (def.primary_key, def.unique) = (ids(key), unique.collect());
    def.partitioning.range =
        by_range.then(|| catalog::RangeLevel { columns: Vec::new(), partitions: Vec::new() });
    def
}

/// The primary key as far as it is known, and the unique columns.
#[derive(Debug, Default)]
pub(super) struct Key {
    columns: Vec<usize>,
    name: Option<String>,
    at: usize,
    /// What columns say of themselves, and tables they are like; each with its place.
    unique: Vec<(usize, NewUnique)>,
}

impl Key {
    /// Where columns are said to be unique, if they are.
    pub(super) fn unique_at(&self) -> Option<usize> {
        self.unique.first().map(|(at, _)| *at)
    }

    pub(super) fn add_unique(&mut self, columns: Vec<usize>, name: Option<String>, at: usize) {
        self.unique.push((at, NewUnique { name, columns }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    pub(super) fn set(
        &mut self,
        table: &str,
        columns: Vec<usize>,
        name: Option<String>,
        at: usize,
    ) -> Result<()> {
        if !self.columns.is_empty() {
            let message = format!("multiple primary keys for table \"{table}\" are not allowed");
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message).at(at));
        }
        (self.columns, self.name, self.at) = (columns, name, at);
        Ok(())
    }
}

/// The positions of a key's columns.
pub(super) fn key_positions<'c>(
    binder: &Binder<'_>,
    columns: impl Iterator<Item = &'c str> + Clone,
    names: &[ast::Ident],
    constraint: &str,
    at: usize,
) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let folded = binder.fold(name);
        let Some(index) = columns.clone().position(|name| name == folded) else {
            let message = format!("column \"{folded}\" named in key does not exist");
            return Err(Error::new(ErrorKind::UndefinedColumn, message).at(at));
        };
        if found.contains(&index) {
            let message = format!("column \"{folded}\" appears twice in {constraint} constraint");
            return Err(Error::new(ErrorKind::DuplicateColumn, message).at(at));
        }
        found.push(index);
    }
    Ok(found)
}
