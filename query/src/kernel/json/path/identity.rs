//! The number by which `.keyvalue()` tells objects apart: where PostgreSQL's binary form of the jsonb holds the object.

use super::Failure;
use super::items::Item;
use base::Error;
use std::borrow::Cow;
use types::json::Value;
use types::pgnum::PgNum;

/// Between the objects of one jsonb and those of the next.
const BASE: i64 = 10_000_000_000;
/// Of a container's head and of each entry in it.
const WORD: usize = 4;

/// The number of an object that is in the target or in the variables.
///
/// # Errors
/// 0A000 for an object that the path itself made.
pub(super) fn of(root: &Value, vars: &Value, item: &Item<'_>) -> Result<PgNum, Failure> {
    let Item::Value(Cow::Borrowed(wanted)) = item else { return Err(made()) };
    let place = |value: &Value| find(value, 0, wanted).1;
    let (base, place) = match (place(root), place(vars)) {
        (Some(place), _) => (0, place),
        (None, Some(place)) => (BASE, place),
        (None, None) => return Err(made()),
    };
    Ok(PgNum::from_i64(base + i64::try_from(place).unwrap_or(i64::MAX)))
}

fn made() -> Failure {
    Failure::Hard(Error::unsupported("keyvalue() of an object that the jsonpath made is not supported"))
}

fn aligned(at: usize) -> usize {
    at.next_multiple_of(WORD)
}

/// The place behind a value that begins at `at`, and that of the wanted one if it is inside.
fn find(value: &Value, at: usize, wanted: &Value) -> (usize, Option<usize>) {
    let start = aligned(at);
    let mut found = std::ptr::eq(value, wanted).then_some(start);
    let mut inside = |end: &mut usize, value: &Value| {
        let (behind, place) = find(value, *end, wanted);
        *end = behind;
        found = found.or(place);
    };
    let end = match value {
        Value::Null | Value::Bool(_) => at,
        Value::String(text) => at + text.len(),
        Value::Number(number) => start + number_bytes(number),
        Value::Array(items) => {
            let mut end = start + WORD + WORD * items.len();
            items.iter().for_each(|item| inside(&mut end, item));
            end
        }
        Value::Object(pairs) => {
            let keys: usize = pairs.iter().map(|(key, _)| key.len()).sum();
            let mut end = start + WORD + 2 * WORD * pairs.len() + keys;
            pairs.iter().for_each(|(_, value)| inside(&mut end, value));
            end
        }
    };
    (end, found)
}

/// Length word, head, and two bytes for each group of four digits.
fn number_bytes(number: &PgNum) -> usize {
    let short = number.scale() <= 63 && (-64..=63).contains(&number.weight());
    WORD + if short { 2 } else { 4 } + 2 * number.groups().len()
}
