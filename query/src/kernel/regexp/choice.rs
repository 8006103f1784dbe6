//! Which of several matches at one place PostgreSQL means, and whether the library takes the same one.
//!
//! PostgreSQL takes the longest match (the shortest, when the first quantifier with a choice is a lazy one); within it
//! each part in turn takes as much as it can. The library takes the first match that trying from left to right finds.
//! Invariant: `captures` is true only where both divide a match alike; it is false for many patterns where they would.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

/// What is known of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// How long a match is to be is not known: lazy quantifiers and `|` have rules of their own together.
    pub(crate) unclear: bool,
    /// The longest match is meant, not the shortest.
    pub(crate) longest: bool,
    /// The library's match has the length that is meant.
    pub(crate) first_is_right: bool,
    /// The library's groups are PostgreSQL's, if the match is.
    pub(crate) captures: bool,
}

impl Choice {
    pub(crate) fn of(hir: &Hir) -> Self {
        let (mut lazy, mut greedy, mut alternatives) = (false, false, false);
        visit(hir, &mut |node| match node.kind() {
            HirKind::Repetition(r) if r.max != Some(r.min) && r.greedy => greedy = true,
            HirKind::Repetition(r) if r.max != Some(r.min) => lazy = true,
            HirKind::Alternation(_) => alternatives = true,
            _ => {}
        });
        let items = items(hir);
        let longest = preference(hir).unwrap_or(true);
        // Parts of both kinds do not vary in one direction.
        let first_is_right = !(lazy && greedy) && ordered(&items);
        Self { unclear: lazy && alternatives, longest, first_is_right, captures: parts_agree(&items) }
    }
}

fn visit<'h>(hir: &'h Hir, f: &mut impl FnMut(&'h Hir)) {
    f(hir);
    for sub in hir.kind().subs() {
        visit(sub, f);
    }
}

/// Whether the first quantifier with a choice is greedy.
fn preference(hir: &Hir) -> Option<bool> {
    match hir.kind() {
        HirKind::Repetition(r) if r.max != Some(r.min) => Some(r.greedy),
        _ => hir.kind().subs().iter().find_map(preference),
    }
}

/// The parts of a sequence.
fn items(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().collect(),
        _ => vec![hir],
    }
}

fn has_group(hir: &Hir) -> bool {
    let mut found = false;
    visit(hir, &mut |node| found |= matches!(node.kind(), HirKind::Capture(_)));
    found
}

/// Runs of parts without groups are taken as wholes; parts with groups one by one.
fn parts_agree(items: &[&Hir]) -> bool {
    let runs = items.split(|item| has_group(item));
    runs.into_iter().all(ordered)
        && items.iter().filter(|item| has_group(item)).all(|item| group_agrees(item))
}

fn group_agrees(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => {
            let inner = items(&group.sub);
            ordered(&inner) && parts_agree(&inner)
        }
        HirKind::Repetition(r) if r.min == 0 && r.max == Some(1) => {
            least(&r.sub) > 0 && group_agrees(&r.sub) && ordered(&[&*r.sub])
        }
        // A group keeps what it matched last, which is certain only where every round matches it.
        HirKind::Repetition(r) => {
            fixed(&r.sub) && least(&r.sub) > 0 && certain(&r.sub) && group_agrees(&r.sub)
        }
        HirKind::Alternation(branches) => {
            apart(branches)
                && branches.iter().all(|branch| {
                    let inner = items(branch);
                    ordered(&inner) && parts_agree(&inner)
                })
        }
        HirKind::Concat(_) => {
            let inner = items(hir);
            ordered(&inner) && parts_agree(&inner)
        }
        _ => true,
    }
}

/// No alternatives and no optional parts.
fn certain(hir: &Hir) -> bool {
    let mut certain = true;
    visit(hir, &mut |node| match node.kind() {
        HirKind::Alternation(_) => certain = false,
        HirKind::Repetition(r) => certain &= r.min > 0,
        _ => {}
    });
    certain
}

/// Whether trying from left to right finds the matches of a sequence in the order of their lengths.
fn ordered(items: &[&Hir]) -> bool {
    if !items.iter().all(|item| is_ordered(item)) {
        return false;
    }
    let varying: Vec<usize> = (0..items.len()).filter(|i| items.get(*i).is_some_and(|h| !fixed(h))).collect();
    // All but the last one must end where the next part begins, so that there is one way to divide.
    varying.iter().rev().skip(1).all(|i| match (items.get(*i), items.get(i + 1)) {
        (Some(item), Some(next)) if fixed(next) && least(next) > 0 => {
            disjoint(&letters(item, false), &letters(next, true))
        }
        _ => false,
    })
}

fn is_ordered(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => true,
        HirKind::Capture(group) => ordered(&items(&group.sub)),
        HirKind::Concat(_) => ordered(&items(hir)),
        HirKind::Alternation(branches) => {
            (fixed(hir) || apart(branches)) && branches.iter().all(|branch| ordered(&items(branch)))
        }
        HirKind::Repetition(r) => repetition_is_ordered(r),
    }
}

fn repetition_is_ordered(r: &Repetition) -> bool {
    let optional = r.min == 0 && r.max == Some(1);
    if optional {
        is_ordered(&r.sub) && r.greedy == preference(&r.sub).unwrap_or(r.greedy)
    } else {
        fixed(&r.sub)
    }
}

/// Whether no two alternatives can begin at one place, and none is empty.
fn apart(branches: &[Hir]) -> bool {
    let firsts: Vec<ClassUnicode> = branches.iter().map(|branch| letters(branch, true)).collect();
    branches.iter().all(|branch| least(branch) > 0)
        && firsts.iter().enumerate().all(|(i, a)| firsts.iter().skip(i + 1).all(|b| disjoint(a, b)))
}

fn disjoint(a: &ClassUnicode, b: &ClassUnicode) -> bool {
    let mut both = a.clone();
    both.intersect(b);
    both.ranges().is_empty()
}

fn fixed(hir: &Hir) -> bool {
    most(hir) == Some(least(hir))
}

/// Characters of the shortest match.
fn least(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => letters_of(&literal.0).count().try_into().unwrap_or(u64::MAX),
        HirKind::Class(_) => 1,
        HirKind::Repetition(r) => u64::from(r.min).saturating_mul(least(&r.sub)),
        HirKind::Capture(group) => least(&group.sub),
        HirKind::Concat(parts) => parts.iter().map(least).fold(0, u64::saturating_add),
        HirKind::Alternation(branches) => branches.iter().map(least).min().unwrap_or(0),
    }
}

/// Characters of the longest match; None without end.
fn most(hir: &Hir) -> Option<u64> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => Some(least(hir)),
        HirKind::Repetition(r) => most(&r.sub)?.checked_mul(u64::from(r.max?)),
        HirKind::Capture(group) => most(&group.sub),
        HirKind::Concat(parts) => parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(most(part)?)),
        HirKind::Alternation(branches) => {
            branches.iter().try_fold(0, |greatest: u64, branch| Some(greatest.max(most(branch)?)))
        }
    }
}

fn letters_of(bytes: &[u8]) -> impl Iterator<Item = char> {
    std::str::from_utf8(bytes).unwrap_or_default().chars()
}

/// The characters with which matches begin, or which they contain.
fn letters(hir: &Hir, first: bool) -> ClassUnicode {
    let mut all = ClassUnicode::empty();
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            let count = if first { 1 } else { usize::MAX };
            letters_of(&literal.0).take(count).for_each(|c| all.push(ClassUnicodeRange::new(c, c)));
        }
        HirKind::Class(Class::Unicode(class)) => all.union(class),
        HirKind::Class(Class::Bytes(_)) => all.push(ClassUnicodeRange::new('\0', char::MAX)),
        HirKind::Repetition(r) => all.union(&letters(&r.sub, first)),
        HirKind::Capture(group) => all.union(&letters(&group.sub, first)),
        HirKind::Concat(parts) => {
            for part in parts {
                all.union(&letters(part, first));
                if first && least(part) > 0 {
                    break;
                }
            }
        }
        HirKind::Alternation(branches) => branches.iter().for_each(|b| all.union(&letters(b, first))),
    }
    all
}
