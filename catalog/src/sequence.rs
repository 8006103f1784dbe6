//! Definitions of sequences, which value comes after which, and the edits of sequences.
//!
//! Must not know where a sequence stands: that is no part of the catalog, as it changes without transactions.

use crate::comment::PG_CLASS;
use crate::state::CatalogState;
use base::id::{ColumnId, CounterId, Oid, SchemaId, SequenceId, TableId};
use base::{Error, Result};
use std::sync::Arc;

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceDef {
    pub id: SequenceId,
    /// What clients see as pg_class.oid.
    pub oid: Oid,
    pub schema: SchemaId,
    pub name: String,
    /// smallint, integer or bigint.
    pub ty: Oid,
    pub start: i64,
    /// Never zero.
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    /// How many values a session may take at once.
    pub cache: i64,
    /// Whether it begins again behind its last value.
    pub cycle: bool,
    pub counter: CounterId,
    pub owner: Option<SequenceOwner>,
}

/// The column that a sequence is dropped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceOwner {
    pub table: TableId,
    pub column: ColumnId,
    /// Whether the column is an identity column, which cannot be without its sequence.
    pub identity: bool,
}

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub value: i64,
    /// Whether `value` was given out; else it is the next one.
    pub called: bool,
}

/// A relation as it stands in an expression that the catalog keeps: the constant means it whatever it is called.
pub fn relation_constant(relation: Oid) -> String {
    format!("'{relation}'::regclass")
}

impl SequenceDef {
    /// Where the sequence begins.
    pub fn first(&self) -> Position {
        Position { value: self.start, called: false }
    }

    /// The position when one more value is given out, which is the value there. None behind the last value.
    pub fn after(&self, position: Position) -> Option<Position> {
        let value = match position.called {
            false => Some(position.value),
            true => {
                let ascends = self.increment > 0;
                let inside = |v: &i64| if ascends { *v <= self.max } else { *v >= self.min };
                let again = if ascends { self.min } else { self.max };
                let next = position.value.checked_add(self.increment).filter(inside);
                next.or_else(|| self.cycle.then_some(again))
            }
        };
        value.map(|value| Position { value, called: true })
    }
}

impl CatalogState {
    pub fn sequences(&self) -> impl Iterator<Item = &Arc<SequenceDef>> {
        self.sequences.values()
    }

    pub fn sequence(&self, id: SequenceId) -> Option<&Arc<SequenceDef>> {
        self.sequences.get(&id)
    }

    pub fn sequence_named(&self, schema: SchemaId, name: &str) -> Option<&Arc<SequenceDef>> {
        self.sequence_names.get(&(schema, name.to_owned())).and_then(|id| self.sequences.get(id))
    }

    pub fn sequences_of(&self, schema: SchemaId) -> impl Iterator<Item = &Arc<SequenceDef>> {
        self.sequences.values().filter(move |s| s.schema == schema)
    }

    /// Sequences that belong to columns of a table.
    pub fn owned_sequences(&self, table: TableId) -> impl Iterator<Item = &Arc<SequenceDef>> {
        self.sequences.values().filter(move |s| s.owner.is_some_and(|owner| owner.table == table))
    }

    pub(crate) fn create_sequence(&mut self, def: &SequenceDef) -> Result<()> {
        self.check_free(def.schema, &def.name)?;
        self.claim(def.oid, def.id.0.max(def.counter.0));
        self.put_sequence(def);
        Ok(())
    }

    pub(crate) fn alter_sequence(&mut self, def: &SequenceDef) -> Result<()> {
        let before = self.sequences.get(&def.id);
        let before = before.ok_or_else(|| Error::internal("altering an unknown sequence"))?;
        let old_name = (before.schema, before.name.clone());
        if (old_name.0, old_name.1.as_str()) != (def.schema, def.name.as_str()) {
            self.check_free(def.schema, &def.name)?;
            self.sequence_names.remove(&old_name);
        }
        self.next_id = self.next_id.max(def.counter.0.saturating_add(1));
        self.put_sequence(def);
        Ok(())
    }

    pub(crate) fn drop_sequence(&mut self, id: SequenceId) -> Result<()> {
        let def = self.sequences.remove(&id);
        let def = def.ok_or_else(|| Error::internal("dropping an unknown sequence"))?;
        self.sequence_names.remove(&(def.schema, def.name.clone()));
        self.forget_comments(PG_CLASS, def.oid);
        Ok(())
    }

    fn put_sequence(&mut self, def: &SequenceDef) {
        self.sequence_names.insert((def.schema, def.name.clone()), def.id);
        self.sequences.insert(def.id, Arc::new(def.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, SequenceDef};
    use base::id::{CounterId, Oid, SchemaId, SequenceId};

    fn values(increment: i64, (min, max): (i64, i64), start: i64, cycle: bool) -> Vec<i64> {
        let def = SequenceDef {
            id: SequenceId(1),
            oid: Oid(1),
            schema: SchemaId(1),
            name: "s".to_owned(),
            ty: Oid(20),
            start,
            increment,
            min,
            max,
            cache: 1,
            cycle,
            counter: CounterId(2),
            owner: None,
        };
        let positions = std::iter::successors(def.after(def.first()), |p: &Position| def.after(*p));
        positions.take(5).map(|p| p.value).collect()
    }

    #[test]
    fn values_end_or_begin_again() {
        assert_eq!(values(2, (1, 6), 2, false), [2, 4, 6]);
        assert_eq!(values(2, (1, 6), 2, true), [2, 4, 6, 1, 3]);
        assert_eq!(values(-3, (-5, -1), -1, true), [-1, -4, -1, -4, -1]);
        assert_eq!(values(i64::MAX, (1, i64::MAX), 5, false), [5]);
        assert_eq!(values(-1, (i64::MIN, -1), i64::MIN, false), [i64::MIN]);
    }
}
