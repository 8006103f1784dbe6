//! Templates cut into keywords and plain text.

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node<K> {
    Key(K, Suffix),
    /// Punctuation, which matches other punctuation when dates are read.
    Separator(char),
    Blank(char),
    Plain(char),
}

/// What stands around a keyword of a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Suffix {
    /// FM: without blanks and zeros in front.
    pub(super) fill: bool,
    /// TM: names in the language of the locale, which has English ones.
    pub(super) translated: bool,
    pub(super) ordinal: Option<Ordinal>,
    /// The keyword itself.
    pub(super) word: &'static str,
}

/// Case of the letters behind an ordinal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ordinal {
    Upper,
    Lower,
}

impl Ordinal {
    /// The letters behind a number that ends with these digits.
    pub(super) fn letters(self, digits: &str) -> &'static str {
        let mut last = digits.chars().rev();
        let (one, ten) = (last.next(), last.next());
        let letters = match one {
            _ if ten == Some('1') => "th",
            Some('1') => "st",
            Some('2') => "nd",
            Some('3') => "rd",
            _ => "th",
        };
        match (self, letters) {
            (Ordinal::Lower, letters) => letters,
            (Ordinal::Upper, "st") => "ST",
            (Ordinal::Upper, "nd") => "ND",
            (Ordinal::Upper, "rd") => "RD",
            (Ordinal::Upper, _) => "TH",
        }
    }
}

pub(super) fn is_separator(c: char) -> bool {
    c.is_ascii_graphic() && !c.is_ascii_alphanumeric()
}

/// Cuts a template. `keywords` are looked through in their order, longer ones first; dates have prefixes and suffixes.
pub(super) fn cut<K: Copy>(template: &str, keywords: &[(&'static str, K)], dates: bool) -> Vec<Node<K>> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let mut suffix = Suffix::default();
        if dates && let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            suffix.fill = true;
            rest = after;
        } else if dates && let Some(after) = rest.strip_prefix("TM").or_else(|| rest.strip_prefix("tm")) {
            suffix.translated = true;
            rest = after;
        }
        let found = keywords.iter().find_map(|(word, key)| Some((*word, *key, rest.strip_prefix(word)?)));
        if let Some((word, key, after)) = found {
            suffix.word = word;
            rest = after;
            if dates && let Some(after) = rest.strip_prefix("TH") {
                (suffix.ordinal, rest) = (Some(Ordinal::Upper), after);
            } else if dates && let Some(after) = rest.strip_prefix("th") {
                (suffix.ordinal, rest) = (Some(Ordinal::Lower), after);
            } else if dates && let Some(after) = rest.strip_prefix("SP") {
                rest = after;
            }
            nodes.push(Node::Key(key, suffix));
            continue;
        }
        let Some(first) = rest.chars().next() else { break };
        if first == '"' {
            rest = quoted(rest, &mut nodes);
            continue;
        }
        if let Some(after) = rest.strip_prefix('\\').filter(|after| after.starts_with('"')) {
            rest = after;
        }
        let Some(c) = rest.chars().next() else { break };
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        nodes.push(match c {
            c if dates && is_separator(c) => Node::Separator(c),
            c if c.is_ascii_whitespace() || c == '\u{b}' => Node::Blank(c),
            c => Node::Plain(c),
        });
    }
    nodes
}

/// Text in double quotes, in which a backslash takes what follows as it is; gives what stands behind.
fn quoted<'t, K>(text: &'t str, nodes: &mut Vec<Node<K>>) -> &'t str {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return text.get(at + 1..).unwrap_or_default(),
            '\\' => nodes.push(Node::Plain(chars.next().map_or('\\', |(_, c)| c))),
            c => nodes.push(Node::Plain(c)),
        }
    }
    ""
}
