//! Which function or operator a name and argument types mean, by PostgreSQL's documented steps:
//! exact match, then most exact matches, preferred types, categories of unknown literals.
//!
//! Must not know expressions; works on type OIDs only.

use super::coerce::{can_coerce, category, is_polymorphic, is_preferred};
use super::polymorphic;
use base::id::Oid;
use catalog::builtin::{self, CastContext, Operator, Proc};
use types::sql_type::oid;

/// A function chosen for a call.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) proc: &'static Proc,
    /// Type of each argument given, polymorphic ones resolved.
    pub(super) args: Vec<Oid>,
    pub(super) result: Oid,
    /// Arguments from this one on are collected into the variadic array.
    pub(super) variadic_from: Option<usize>,
    /// Which declared argument each given one is, when some are named or left to their defaults.
    pub(super) places: Option<Vec<usize>>,
}

/// Why nothing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NotFound,
    Ambiguous,
    /// Only open literals stand where a polymorphic type must be found.
    Polymorphic,
}

#[derive(Clone, Debug)]
struct Candidate<T> {
    args: Vec<Oid>,
    what: T,
}

/// A function that may be meant, where its variadic arguments begin, and what argument each given one is.
#[derive(Clone, Debug)]
pub(super) struct Callee<F> {
    pub(super) function: F,
    pub(super) variadic_from: Option<usize>,
    pub(super) places: Option<Vec<usize>>,
}

/// What the choice of a function looks at.
#[derive(Debug)]
pub(super) struct Signature<'s> {
    pub(super) args: &'s [Oid],
    pub(super) names: Vec<&'s str>,
    /// How many of the last arguments have defaults.
    pub(super) defaults: usize,
    /// The type of each variadic argument.
    pub(super) variadic: Option<Oid>,
}

impl<'s> Signature<'s> {
    pub(super) fn of(proc: &'s Proc) -> Self {
        let Proc { args, arg_names, defaults, variadic, .. } = proc;
        let names = arg_names.iter().map(AsRef::as_ref).collect();
        Self { args, names, defaults: *defaults, variadic: *variadic }
    }
}

/// The function of that name for arguments of those types.
pub(super) fn function(name: &str, args: &[Oid]) -> Result<Chosen, Refused> {
    function_with_names(name, args, &[])
}

/// Stands for the name of an argument that is the array of the variadic ones. No argument has it.
pub(super) const VARIADIC: &str = "\0variadic";

/// The function of that name for arguments of those types, the last of which are named.
pub(super) fn function_with_names(name: &str, args: &[Oid], names: &[String]) -> Result<Chosen, Refused> {
    let all: Vec<(&'static Proc, Signature<'_>)> =
        builtin::procs_named(name).map(|proc| (proc, Signature::of(proc))).collect();
    let (declared, Callee { function: proc, variadic_from, places }) = callee(&all, args, names)?;
    let (resolved, result) = resolved(args, &declared, proc.result)?;
    Ok(Chosen { proc, args: resolved, result, variadic_from, places })
}

/// The types of arguments, and that of the result, with polymorphic ones resolved.
pub(super) fn resolved(args: &[Oid], declared: &[Oid], result: Oid) -> Result<(Vec<Oid>, Oid), Refused> {
    if polymorphic::is_open(args, declared) {
        return Err(Refused::Polymorphic);
    }
    polymorphic::resolve(args, declared, result).ok_or(Refused::NotFound)
}

/// The one of some functions, in order of their precedence, that is meant for arguments of those types, the last of
/// which are named; with the declared type of each argument.
pub(super) fn callee<F: Clone>(
    all: &[(F, Signature<'_>)],
    args: &[Oid],
    names: &[String],
) -> Result<(Vec<Oid>, Callee<F>), Refused> {
    let found = choose(candidates(all, args, names), args)?;
    Ok((found.args, found.what))
}

fn candidates<F: Clone>(
    all: &[(F, Signature<'_>)],
    args: &[Oid],
    names: &[String],
) -> Vec<Candidate<Callee<F>>> {
    let mut candidates: Vec<Candidate<Callee<F>>> = Vec::new();
    let callee =
        |function: &F, variadic_from, places| Callee { function: function.clone(), variadic_from, places };
    if names.iter().any(|name| name == VARIADIC) {
        // The word says nothing to a function without variadic arguments.
        let taking = all.iter().filter(|(_, signature)| signature.args.len() == args.len());
        candidates.extend(
            taking.map(|(f, signature)| Candidate {
                args: signature.args.to_vec(),
                what: callee(f, None, None),
            }),
        );
        return candidates;
    }
    for (function, signature) in all {
        // An array goes to VARIADIC as a whole only behind that word. Of two that take the same, the first is meant.
        if names.is_empty()
            && signature.args.len() == args.len()
            && signature.variadic.is_none()
            && !candidates.iter().any(|c| c.args == signature.args)
        {
            candidates.push(Candidate { args: signature.args.to_vec(), what: callee(function, None, None) });
        }
    }
    for (function, signature) in all {
        let places = places(signature, args.len(), names).filter(|_| signature.variadic.is_none());
        let Some(places) = places else { continue };
        let declared: Vec<Oid> =
            places.iter().filter_map(|place| signature.args.get(*place).copied()).collect();
        // Of two that take the same, the one without defaults is meant.
        if !candidates.iter().any(|c| c.args == declared) {
            candidates.push(Candidate { args: declared, what: callee(function, None, Some(places)) });
        }
    }
    for (function, signature) in all {
        let fixed = signature.args.len().checked_sub(1);
        let (Some(element), Some(fixed)) = (signature.variadic, fixed) else { continue };
        if args.len() <= fixed || !names.is_empty() {
            continue;
        }
        let mut expanded: Vec<Oid> = signature.args.iter().copied().take(fixed).collect();
        expanded.resize(args.len(), element);
        if candidates.iter().any(|c| c.args == expanded) {
            continue;
        }
        let packed = (element != oid::ANY).then_some(fixed);
        candidates.push(Candidate { args: expanded, what: callee(function, packed, None) });
    }
    candidates
}

/// Types of the columns of a function that returns records, polymorphic ones resolved.
pub(super) fn outputs(chosen: &Chosen) -> Vec<Oid> {
    let declared = &chosen.proc.args;
    let resolved = |ty: &Oid| polymorphic::resolve(&chosen.args, declared, *ty).map_or(*ty, |(_, own)| own);
    chosen.proc.out_types.iter().map(resolved).collect()
}

/// Which declared argument each given one is, the last ones being named; None when a name is no argument's or an
/// argument that is not given has no default. A call that gives all by position is not looked at.
fn places(signature: &Signature<'_>, given: usize, names: &[String]) -> Option<Vec<usize>> {
    let total = signature.args.len();
    if given > total || (names.is_empty() && given == total) {
        return None;
    }
    let positional = given.checked_sub(names.len())?;
    let mut places: Vec<usize> = (0..positional).collect();
    for name in names {
        let place = signature.names.iter().position(|known| known == name)?;
        if place >= total || places.contains(&place) {
            return None;
        }
        places.push(place);
    }
    let left_out = |place: &usize| !places.contains(place);
    (0..total).filter(left_out).all(|place| place + signature.defaults >= total).then_some(places)
}

/// The operator of that name; a prefix operator has one argument.
pub(super) fn operator(name: &str, args: &[Oid]) -> Result<(&'static Operator, Vec<Oid>, Oid), Refused> {
    let all = builtin::operators(name);
    let operands =
        |o: &Operator| -> Vec<Oid> { [o.left, o.right].into_iter().filter(|t| *t != Oid(0)).collect() };
    // An unknown operand is first assumed to be of the other operand's type.
    let assumed: Vec<Oid> = match args {
        [left, right] if *left == oid::UNKNOWN && *right != oid::UNKNOWN => vec![*right, *right],
        [left, right] if *right == oid::UNKNOWN && *left != oid::UNKNOWN => vec![*left, *left],
        other => other.to_vec(),
    };
    let exact = all.iter().find(|o| operands(o) == assumed);
    let chosen = match exact {
        Some(found) => found,
        None => {
            let candidates = all
                .iter()
                .map(|o| Candidate { args: operands(o), what: o })
                .filter(|c| c.args.len() == args.len())
                .collect();
            choose(candidates, args)?.what
        }
    };
    let (resolved, result) =
        polymorphic::resolve(args, &operands(chosen), chosen.result).ok_or(Refused::NotFound)?;
    Ok((chosen, resolved, result))
}

fn choose<T: Clone>(candidates: Vec<Candidate<T>>, args: &[Oid]) -> Result<Candidate<T>, Refused> {
    if let Some(exact) = candidates.iter().find(|c| c.args == args) {
        return Ok(exact.clone());
    }
    let accepting: Vec<Candidate<T>> = candidates
        .into_iter()
        .filter(|c| c.args.iter().zip(args).all(|(t, a)| can_coerce(*a, *t, CastContext::Implicit)))
        .filter(|c| polymorphic::consistent(args, &c.args))
        .collect();
    match accepting.as_slice() {
        [] => Err(Refused::NotFound),
        [one] => Ok(one.clone()),
        _ => best(accepting, args).ok_or(Refused::Ambiguous),
    }
}

fn best<T: Clone>(candidates: Vec<Candidate<T>>, args: &[Oid]) -> Option<Candidate<T>> {
    let exact =
        |c: &Candidate<T>| c.args.iter().zip(args).filter(|(t, a)| t == a && **a != oid::UNKNOWN).count();
    let candidates = with_most(candidates, exact);
    let preferred = |c: &Candidate<T>| {
        c.args
            .iter()
            .zip(args)
            .filter(|(_, a)| **a != oid::UNKNOWN)
            .filter(|(t, a)| t == a || (is_preferred(**t) && category(**t) == category(**a)))
            .count()
    };
    let candidates = with_most(candidates, preferred);
    if let [one] = candidates.as_slice() {
        return Some(one.clone());
    }
    if !args.contains(&oid::UNKNOWN) {
        return None;
    }
    let candidates = by_category(candidates, args);
    if let [one] = candidates.as_slice() {
        return Some(one.clone());
    }
    by_known_type(&candidates, args)
}

fn with_most<T>(candidates: Vec<Candidate<T>>, count: impl Fn(&Candidate<T>) -> usize) -> Vec<Candidate<T>> {
    let most = candidates.iter().map(&count).max().unwrap_or(0);
    candidates.into_iter().filter(|c| count(c) == most).collect()
}

/// Gives each unknown argument a category (string if any candidate takes one) and keeps the candidates that fit.
fn by_category<T: Clone>(candidates: Vec<Candidate<T>>, args: &[Oid]) -> Vec<Candidate<T>> {
    let mut chosen: Vec<Option<(char, bool)>> = vec![None; args.len()];
    for (i, slot) in chosen.iter_mut().enumerate().filter(|(i, _)| args.get(*i) == Some(&oid::UNKNOWN)) {
        let taken: Vec<Oid> = candidates.iter().filter_map(|c| c.args.get(i).copied()).collect();
        let first = taken.first().map_or('U', |t| category(*t));
        let wanted = if taken.iter().any(|t| category(*t) == 'S') {
            'S'
        } else if taken.iter().all(|t| category(*t) == first) {
            first
        } else {
            return candidates;
        };
        let has_preferred = taken.iter().any(|t| category(*t) == wanted && is_preferred(*t));
        *slot = Some((wanted, has_preferred));
    }
    let fits = |c: &Candidate<T>| {
        c.args.iter().zip(&chosen).all(|(t, wanted)| match wanted {
            None => true,
            Some((kind, preferred)) => category(*t) == *kind && (!preferred || is_preferred(*t)),
        })
    };
    let kept: Vec<Candidate<T>> = candidates.iter().filter(|c| fits(c)).cloned().collect();
    if kept.is_empty() { candidates } else { kept }
}

/// If all known arguments have one type, unknown ones are assumed to have it too.
fn by_known_type<T: Clone>(candidates: &[Candidate<T>], args: &[Oid]) -> Option<Candidate<T>> {
    let mut known = args.iter().filter(|a| **a != oid::UNKNOWN);
    let ty = *known.next()?;
    if !known.all(|a| *a == ty) {
        return None;
    }
    let assumed = vec![ty; args.len()];
    let mut fitting = candidates
        .iter()
        .filter(|c| c.args.iter().all(|t| can_coerce(ty, *t, CastContext::Implicit)))
        .filter(|c| polymorphic::consistent(&assumed, &c.args));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Some(one.clone()),
        _ => None,
    }
}

/// Whether a declared type is polymorphic; "any" is not, its arguments need not agree.
pub(super) fn is_generic(ty: Oid) -> bool {
    ty != oid::ANY && is_polymorphic(ty)
}
