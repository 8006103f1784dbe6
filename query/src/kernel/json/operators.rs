//! Operators of json, which give parts as they are written.

use crate::kernel::call::{Arg, Call, Run, map2};
use crate::kernel::jsonb::{index_of, with_list};
use crate::kernel::value::{Int4, Text};
use arrow::array::ArrayRef;
use base::Result;
use types::json::raw;

fn at_path<'t>(text: &'t str, path: &[Option<String>]) -> Result<Option<&'t str>> {
    let mut at = raw::whole(text)?;
    for step in path {
        let Some(step) = step.as_deref() else { return Ok(None) };
        let next = match (at.starts_with('{'), index_of(step)) {
            (true, _) => raw::field(at, step)?,
            (false, Some(index)) => raw::element(at, index)?,
            (false, None) => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn plain(value: Option<&str>) -> Result<Option<String>> {
    value.map_or(Ok(None), raw::plain)
}

fn owned(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}

fn field_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |v, key| plain(raw::field(v, key)?))
}

fn element_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Int4, Text, _>(call, args, |v, at| plain(raw::element(v, i64::from(at))?))
}

/// By the name of PostgreSQL's implementation.
pub(super) const KERNELS: &[(&str, Run)] = &[
    ("json_object_field", |c, a| map2::<Text, Text, Text, _>(c, a, |v, key| Ok(owned(raw::field(v, key)?)))),
    ("json_object_field_text", field_text),
    ("json_array_element", |c, a| {
        map2::<Text, Int4, Text, _>(c, a, |v, at| Ok(owned(raw::element(v, i64::from(at))?)))
    }),
    ("json_array_element_text", element_text),
    ("json_extract_path", |c, a| with_list::<Text>(c, a, |v, path| Ok(owned(at_path(v, path)?)))),
    ("json_extract_path_text", |c, a| with_list::<Text>(c, a, |v, path| plain(at_path(v, path)?))),
];
