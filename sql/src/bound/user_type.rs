//! Types that are made or changed.

use base::id::SchemaId;
use catalog::{CompositeDef, Neighbour};

/// What the values of a new type are.
#[derive(Clone, Debug, PartialEq)]
pub enum NewType {
    /// Labels of an enum.
    Enum(Vec<String>),
    Composite(CompositeDef),
}

/// What becomes of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeEdit {
    AddLabel {
        label: String,
        if_not_exists: bool,
        place: Neighbour,
    },
    RenameLabel {
        from: String,
        to: String,
    },
    /// Other attributes of a composite type that no rows have; notices tell of those that were not there.
    Attributes {
        composite: CompositeDef,
        notices: Vec<String>,
    },
    /// Other names of attributes.
    Renamed(CompositeDef),
    Name {
        schema: SchemaId,
        name: String,
    },
}
