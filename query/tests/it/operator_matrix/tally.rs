//! Counts of cases by outcome, and examples of those that differ.

use super::{Answer, exclusions};
use std::collections::BTreeMap;
use std::fmt;

/// Examples shown per function.
const EXAMPLES_MAX: usize = 6;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) attached: usize,
    pub(crate) cases: usize,
    pub(crate) equal: usize,
    pub(crate) refused: usize,
    pub(crate) known: usize,
    pub(crate) different: usize,
    examples: BTreeMap<String, Vec<String>>,
    refusals: BTreeMap<String, usize>,
    reasons: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, label: &str, sql: &str, ours: &Answer, theirs: &Answer) {
        self.cases += 1;
        if ours == theirs {
            self.equal += 1;
        } else if *ours == Answer::Error("0A000".to_owned()) {
            self.refused += 1;
            *self.refusals.entry(label.to_owned()).or_default() += 1;
        } else if let Some(reason) = exclusions::known(label) {
            self.known += 1;
            *self.reasons.entry(reason).or_default() += 1;
        } else {
            self.different += 1;
            let examples = self.examples.entry(label.to_owned()).or_default();
            if examples.len() < EXAMPLES_MAX {
                examples.push(format!("{sql}\n        ours {ours:?}\n        PostgreSQL {theirs:?}"));
            } else if examples.len() == EXAMPLES_MAX {
                examples.push("..".to_owned());
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, count) in &self.refusals {
            writeln!(f, "refused {count:>5}  {label}")?;
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "known   {count:>5}  {reason}")?;
        }
        for (label, examples) in &self.examples {
            writeln!(f, "different: {label}")?;
            for example in examples {
                writeln!(f, "    {example}")?;
            }
        }
        write!(
            f,
            "attached {}, cases {}, equal {}, refused {}, known {}, different {}",
            self.attached, self.cases, self.equal, self.refused, self.known, self.different
        )
    }
}
