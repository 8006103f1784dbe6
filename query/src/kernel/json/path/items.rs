//! What a path finds.

use super::datetime::Moment;
use std::borrow::Cow;
use types::json::Value;

#[derive(Clone, Debug)]
pub(super) enum Item<'v> {
    Value(Cow<'v, Value>),
    Moment(Moment),
}

impl<'v> Item<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        Item::Value(Cow::Borrowed(value))
    }

    pub(super) fn owned(value: Value) -> Self {
        Item::Value(Cow::Owned(value))
    }

    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Item::Value(value) => Some(value),
            Item::Moment(_) => None,
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Option<Vec<Item<'v>>> {
        match self {
            Item::Value(Cow::Borrowed(Value::Array(items))) => Some(items.iter().map(Item::of).collect()),
            Item::Value(Cow::Owned(Value::Array(items))) => {
                Some(items.iter().cloned().map(Item::owned).collect())
            }
            Item::Value(_) | Item::Moment(_) => None,
        }
    }

    /// The elements of an array or the values of an object.
    pub(super) fn parts(&self) -> Option<Vec<Item<'v>>> {
        match self {
            Item::Value(Cow::Borrowed(Value::Object(pairs))) => {
                Some(pairs.iter().map(|(_, value)| Item::of(value)).collect())
            }
            Item::Value(Cow::Owned(Value::Object(pairs))) => {
                Some(pairs.iter().map(|(_, value)| Item::owned(value.clone())).collect())
            }
            other => other.elements(),
        }
    }

    /// The value of a key; None for what is no object or lacks the key.
    pub(super) fn field(&self, key: &str) -> Option<Item<'v>> {
        match self {
            Item::Value(Cow::Borrowed(value)) => value.field(key).map(Item::of),
            Item::Value(Cow::Owned(value)) => value.field(key).cloned().map(Item::owned),
            Item::Moment(_) => None,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.value(), Some(Value::Array(_)))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.value(), Some(Value::Object(_)))
    }

    /// What a caller of SQL gets.
    pub(super) fn into_value(self) -> Value {
        match self {
            Item::Value(value) => value.into_owned(),
            Item::Moment(moment) => Value::String(moment.text()),
        }
    }
}
