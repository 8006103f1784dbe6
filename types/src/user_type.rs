//! OIDs of types that users make, which say what kind of type they are.
//!
//! Must not know names or definitions: those are the catalog's. Invariants: such an OID is at least `FIRST`, which no other
//! object's reaches; a type and the type of its arrays are told from the OID alone, so that whoever has an OID knows
//! how values are held.

use base::id::Oid;

/// The first OID of a type that a user made; all other OIDs are below.
pub const FIRST: Oid = Oid(1 << 30);

/// How many types can be made before the OIDs of a kind are used up.
const NUMBERS: u32 = 1 << 27;

/// The lowest bit tells an array type from its element type; the bits above the number are the kind.
const ARRAY: u32 = 1;
const KIND_SHIFT: u32 = 28;

/// What kind of type an OID means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    Enum,
    Domain,
    Composite,
    /// The rows of a table or view; the number is that of the relation.
    TableRow,
}

impl UserKind {
    const fn code(self) -> u32 {
        match self {
            UserKind::Enum => 0,
            UserKind::Domain => 1,
            UserKind::Composite => 2,
            UserKind::TableRow => 3,
        }
    }

    /// The OID of the type of this kind that gets a number; None when the numbers are used up.
    pub fn oid(self, number: u32) -> Option<Oid> {
        (number < NUMBERS).then(|| Oid(FIRST.0 | self.code() << KIND_SHIFT | number << 1))
    }
}

/// The kind of a type that a user made, or of the elements of such an array type.
fn kind(ty: Oid) -> Option<UserKind> {
    if ty < FIRST {
        return None;
    }
    match (ty.0 - FIRST.0) >> KIND_SHIFT {
        0 => Some(UserKind::Enum),
        1 => Some(UserKind::Domain),
        2 => Some(UserKind::Composite),
        3 => Some(UserKind::TableRow),
        _ => None,
    }
}

/// The number that a type's OID was made of.
pub fn number(ty: Oid) -> Option<u32> {
    kind(ty).map(|_| (ty.0 >> 1) & (NUMBERS - 1))
}

/// Whether values are labels of an enum.
pub fn is_enum(ty: Oid) -> bool {
    kind(ty) == Some(UserKind::Enum) && ty.0 & ARRAY == 0
}

/// Whether the type is a domain: how its values are held its definition says.
pub fn is_domain(ty: Oid) -> bool {
    kind(ty) == Some(UserKind::Domain) && ty.0 & ARRAY == 0
}

/// Whether the type is a domain or that of arrays over one.
pub fn of_domain(ty: Oid) -> bool {
    kind(ty) == Some(UserKind::Domain)
}

/// Whether values are rows of a type that a user made, or of a relation.
pub fn is_composite(ty: Oid) -> bool {
    of_composite(ty) && ty.0 & ARRAY == 0
}

/// Whether the type is a composite one or that of arrays over one: then its form has the fields.
pub fn of_composite(ty: Oid) -> bool {
    matches!(kind(ty), Some(UserKind::Composite | UserKind::TableRow))
}

/// The table or view whose rows are of a type, or the elements of whose arrays are.
pub fn table_of_row(ty: Oid) -> Option<Oid> {
    number(ty).filter(|_| kind(ty) == Some(UserKind::TableRow)).map(Oid)
}

/// Whether the type is that of arrays over a type that a user made.
pub fn is_array(ty: Oid) -> bool {
    kind(ty).is_some() && ty.0 & ARRAY != 0
}

/// The type of arrays over a type that a user made.
pub fn array_of(ty: Oid) -> Option<Oid> {
    (kind(ty).is_some() && ty.0 & ARRAY == 0).then_some(Oid(ty.0 | ARRAY))
}

/// The element type of an array type over a type that a user made.
pub fn array_element(ty: Oid) -> Option<Oid> {
    is_array(ty).then_some(Oid(ty.0 & !ARRAY))
}

#[cfg(test)]
mod tests {
    use super::{
        FIRST, NUMBERS, UserKind, array_element, array_of, is_array, is_composite, is_domain, is_enum,
        number, of_composite, of_domain, table_of_row,
    };
    use base::id::Oid;

    #[test]
    fn an_oid_says_what_it_is() {
        let kinds = [UserKind::Enum, UserKind::Domain, UserKind::Composite, UserKind::TableRow];
        for (kind, n) in [0, 16_384, NUMBERS - 1].map(|n| kinds.map(|kind| (kind, n))).concat() {
            let ty = kind.oid(n).unwrap();
            let array = array_of(ty).unwrap();
            assert!(ty >= FIRST && !is_array(ty) && is_array(array) && !is_enum(array) && !is_domain(array));
            assert_eq!((is_enum(ty), is_domain(ty)), (kind == UserKind::Enum, kind == UserKind::Domain));
            assert_eq!((of_domain(ty), of_domain(array)), (is_domain(ty), is_domain(ty)));
            assert_eq!(is_composite(ty), matches!(kind, UserKind::Composite | UserKind::TableRow));
            assert_eq!(table_of_row(array), (kind == UserKind::TableRow).then_some(Oid(n)));
            assert_eq!((of_composite(ty), of_composite(array)), (is_composite(ty), is_composite(ty)));
            assert_eq!((array_element(array), number(ty), number(array)), (Some(ty), Some(n), Some(n)));
            assert_eq!((array_of(array), array_element(ty)), (None, None));
        }
        assert_eq!(UserKind::Enum.oid(NUMBERS), None);
        assert!(!is_enum(Oid(16_384)) && !is_enum(Oid(u32::MAX)));
    }
}
