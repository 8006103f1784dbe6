//! Polymorphic signatures: what anyelement, anyarray and the anycompatible family stand for in one call.
//!
//! Must not know expressions; works on type OIDs only.

use super::coerce::common_oid;
use super::resolve::is_generic;
use base::id::Oid;
use catalog::builtin;
use types::sql_type::oid;
use types::user_type;

const ANYENUM: Oid = Oid(3500);
const ANYRANGE: Oid = Oid(3831);
const ANYMULTIRANGE: Oid = Oid(4537);
const ANYCOMPATIBLEMULTIRANGE: Oid = Oid(4538);
const ANYCOMPATIBLEARRAY: Oid = Oid(5078);
const ANYCOMPATIBLENONARRAY: Oid = Oid(5079);
const ANYCOMPATIBLERANGE: Oid = Oid(5080);

fn element_of(array: Oid) -> Option<Oid> {
    let built_in = builtin::type_by_oid(array).filter(|t| t.is_true_array).map(|t| t.element);
    built_in.or_else(|| user_type::array_element(array))
}

fn array_of(element: Oid) -> Option<Oid> {
    let built_in = builtin::type_by_oid(element).map(|t| t.array).filter(|a| *a != Oid(0));
    built_in.or_else(|| user_type::array_of(element))
}

/// What the pseudo-types stand for.
#[derive(Debug, Default)]
struct Bindings {
    /// anyelement and its family.
    element: Option<Oid>,
    /// anycompatible and its family.
    compatible: Option<Oid>,
}

/// Whether arguments fit polymorphic declarations together.
pub(super) fn consistent(actual: &[Oid], declared: &[Oid]) -> bool {
    !declared.iter().any(|d| is_generic(*d)) || bindings(actual, declared).is_some()
}

/// Whether nothing but unknown arguments stand for anyelement and its family.
pub(super) fn is_open(actual: &[Oid], declared: &[Oid]) -> bool {
    let family = |d: &Oid| matches!(*d, oid::ANYELEMENT | oid::ANYNONARRAY | oid::ANYARRAY);
    let mut given = actual.iter().zip(declared).filter(|(_, d)| family(d)).peekable();
    given.peek().is_some() && given.all(|(a, _)| *a == oid::UNKNOWN)
}

/// Declared types and result with pseudo-types replaced; `None` when the arguments do not agree.
pub(super) fn resolve(actual: &[Oid], declared: &[Oid], result: Oid) -> Option<(Vec<Oid>, Oid)> {
    if !declared.iter().any(|d| is_generic(*d)) {
        return Some((declared.to_vec(), result));
    }
    let bindings = bindings(actual, declared)?;
    let args = declared.iter().map(|d| replace(*d, &bindings)).collect::<Option<Vec<_>>>()?;
    Some((args, replace(result, &bindings)?))
}

fn bindings(actual: &[Oid], declared: &[Oid]) -> Option<Bindings> {
    let mut found = Bindings::default();
    let mut compatible = Vec::new();
    let mut unknown_element = false;
    for (actual, declared) in actual.iter().zip(declared) {
        let unknown = *actual == oid::UNKNOWN;
        match *declared {
            oid::ANYELEMENT | oid::ANYNONARRAY | oid::ANYARRAY | ANYENUM if unknown => unknown_element = true,
            ANYENUM => agree(&mut found.element, *actual)?,
            oid::ANYELEMENT | oid::ANYNONARRAY => {
                if *declared == oid::ANYNONARRAY && element_of(*actual).is_some() {
                    return None;
                }
                agree(&mut found.element, *actual)?;
            }
            oid::ANYARRAY => agree(&mut found.element, element_of(*actual)?)?,
            oid::ANYCOMPATIBLE | ANYCOMPATIBLENONARRAY => {
                if *declared == ANYCOMPATIBLENONARRAY && element_of(*actual).is_some() {
                    return None;
                }
                compatible.push((*actual, 0));
            }
            ANYCOMPATIBLEARRAY if unknown => compatible.push((oid::UNKNOWN, 0)),
            ANYCOMPATIBLEARRAY => compatible.push((element_of(*actual)?, 0)),
            ANYRANGE | ANYMULTIRANGE | ANYCOMPATIBLEMULTIRANGE | ANYCOMPATIBLERANGE => return None,
            _ => {}
        }
    }
    if unknown_element && found.element.is_none() {
        found.element = Some(oid::TEXT);
    }
    if declared.contains(&ANYENUM) && !found.element.is_some_and(user_type::is_enum) {
        return None;
    }
    if !compatible.is_empty() {
        let common = common_oid(&compatible, "arguments").ok()?;
        let fits = |t: Oid| super::coerce::can_coerce(t, common, builtin::CastContext::Implicit);
        if !compatible.iter().all(|(t, _)| fits(*t)) {
            return None;
        }
        found.compatible = Some(common);
    }
    Some(found)
}

fn agree(slot: &mut Option<Oid>, ty: Oid) -> Option<()> {
    match slot {
        Some(known) if *known != ty => None,
        _ => {
            *slot = Some(ty);
            Some(())
        }
    }
}

fn replace(declared: Oid, bindings: &Bindings) -> Option<Oid> {
    match declared {
        oid::ANYELEMENT | oid::ANYNONARRAY | ANYENUM => bindings.element,
        oid::ANYARRAY => array_of(bindings.element?),
        oid::ANYCOMPATIBLE | ANYCOMPATIBLENONARRAY => bindings.compatible,
        ANYCOMPATIBLEARRAY => array_of(bindings.compatible?),
        other => Some(other),
    }
}
