//! One session's values: defaults, SET, SET LOCAL, and what a rollback restores.
//!
//! Invariant: between transactions no local value exists and nothing is saved.

use crate::settings::definition::{Definition, Kind, Scope, date_style, definition, definitions};
use crate::settings::postgres::is_postgres_parameter;
use base::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What our own parameters begin with.
const RESERVED_PREFIX: &str = "nyala";

/// Values by lower-case name; a missing one has its default.
type Values = BTreeMap<String, String>;

/// The variables of a session. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    /// Values from the start of the session: what RESET goes back to.
    start: Arc<Values>,
    session: Arc<Values>,
    local: Arc<Values>,
    /// `session` as it was when the transaction's first change came.
    saved: Option<Arc<Values>>,
    /// Lower-case names of reported variables whose value may have changed.
    touched: BTreeSet<String>,
    generation: u64,
}

impl Variables {
    /// The values that a session starts with; unknown names are an error as with SET.
    pub(crate) fn at_start(start: &[(String, String)]) -> Result<Self> {
        let mut variables = Self::default();
        for (name, value) in start {
            let (key, checked) = variables.checked(name, std::slice::from_ref(value))?;
            // A list in the start-up packet is a list already, not one name as it would be in SET.
            let is_list = definition(name).is_some_and(|d| d.kind == Kind::List);
            Arc::make_mut(&mut variables.start).insert(key, if is_list { value.clone() } else { checked });
        }
        variables.session = variables.start.clone();
        Ok(variables)
    }

    /// Grows with each change; part of what a bound statement depends on.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The value of a variable that exists for certain; the empty string for one that does not.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<&str> {
        let key = lower_case(name);
        let value = self.local.get(&*key).or_else(|| self.session.get(&*key));
        value.map(String::as_str).or_else(|| definition(name).map(|d| d.default))
    }

    /// A whole number that `check` let in.
    pub(crate) fn integer(&self, name: &str) -> i64 {
        self.get(name).parse().unwrap_or_default()
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name) == "on"
    }

    /// What SHOW prints; 42704 for an unknown name.
    pub(crate) fn show(&self, name: &str) -> Result<String> {
        let value = self.find(name).ok_or_else(|| unrecognized(name))?;
        Ok(match definition(name).map(|d| d.kind) {
            Some(Kind::Int { unit_ms: true, .. }) => with_unit(value),
            _ => value.to_owned(),
        })
    }

    /// SET and SET LOCAL. Variables of the transaction itself are the caller's to carry out.
    pub(crate) fn set(&mut self, name: &str, values: &[String], local: bool) -> Result<()> {
        let (key, value) = self.checked(name, values)?;
        self.before_change(&key);
        if local {
            Arc::make_mut(&mut self.local).insert(key, value);
        } else {
            Arc::make_mut(&mut self.local).remove(&key);
            Arc::make_mut(&mut self.session).insert(key, value);
        }
        Ok(())
    }

    /// set_config(): SET with the value as one text, which for a list is the whole of it; RESET without value.
    pub(crate) fn set_text(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<()> {
        let known = definition(name);
        if let Some(d) = known
            && (d.scope == Scope::Transaction || d.name == "nyala.as_of")
        {
            let message = format!("set_config() of parameter \"{}\" is not supported", d.name);
            return Err(Error::unsupported(message).with_hint("Use SET."));
        }
        let default = || known.map(|d| d.default.to_owned()).unwrap_or_default();
        match value {
            None if local => self.set_text(name, Some(&default()), true),
            None => self.reset(name),
            Some(list) if known.is_some_and(|d| d.kind == Kind::List && d.scope == Scope::Session) => {
                let names = split_names(list);
                self.set(name, &names, local)
            }
            Some(value) => self.set(name, &[value.to_owned()], local),
        }
    }

    /// Sets a variable that SET may not (or not at this moment): transaction_isolation and its like.
    pub(crate) fn set_for_transaction(&mut self, name: &str, value: &str) {
        Arc::make_mut(&mut self.local).insert(name.to_ascii_lowercase(), value.to_owned());
    }

    /// The session belongs to `user`: what session_authorization tells from now on.
    pub(crate) fn name_user(&mut self, user: &str) {
        Arc::make_mut(&mut self.start).insert("session_authorization".to_owned(), user.to_owned());
        Arc::make_mut(&mut self.session).insert("session_authorization".to_owned(), user.to_owned());
    }

    /// RESET and SET .. TO DEFAULT.
    pub(crate) fn reset(&mut self, name: &str) -> Result<()> {
        let key = name.to_ascii_lowercase();
        match definition(name) {
            Some(d) if d.scope == Scope::Fixed => return Err(cannot_change(d)),
            Some(_) => {}
            None => check_custom(name, &key)?,
        }
        self.before_change(&key);
        Arc::make_mut(&mut self.local).remove(&key);
        match self.start.get(&key).cloned() {
            Some(value) => Arc::make_mut(&mut self.session).insert(key, value),
            None => Arc::make_mut(&mut self.session).remove(&key),
        };
        Ok(())
    }

    pub(crate) fn reset_all(&mut self) {
        let mut keys: Vec<String> = self.session.keys().cloned().collect();
        keys.extend(self.local.keys().filter(|k| !k.starts_with("transaction_")).cloned());
        for key in keys {
            self.before_change(&key);
            Arc::make_mut(&mut self.local).remove(&key);
        }
        self.session = self.start.clone();
    }

    /// Ends a transaction: keeps what SET changed or undoes it; local values end either way.
    pub(crate) fn end_transaction(&mut self, committed: bool) {
        let saved = self.saved.take();
        if !committed && let Some(saved) = saved {
            self.touched.extend(self.session.keys().cloned());
            self.session = saved;
            self.generation += 1;
        }
        if !self.local.is_empty() {
            self.touched.extend(self.local.keys().cloned());
            Arc::make_mut(&mut self.local).clear();
            self.generation += 1;
        }
    }

    /// Reported variables that changed since the last call, as (PostgreSQL's spelling, value).
    pub(crate) fn take_changes(&mut self) -> Vec<(String, String)> {
        let touched = std::mem::take(&mut self.touched);
        definitions()
            .iter()
            .filter(|d| d.reported && touched.contains(&d.name.to_ascii_lowercase()))
            .map(|d| (d.name.to_owned(), self.get(d.name).to_owned()))
            .collect()
    }

    /// All reported variables.
    pub(crate) fn reported(&self) -> Vec<(String, String)> {
        definitions()
            .iter()
            .filter(|d| d.reported)
            .map(|d| (d.name.to_owned(), self.get(d.name).to_owned()))
            .collect()
    }

    /// The schemas of search_path in order, with `$user` replaced and quotes removed.
    pub(crate) fn search_path(&self, user: &str) -> Vec<String> {
        split_names(self.get("search_path"))
            .into_iter()
            .map(|name| if name == "$user" { user.to_owned() } else { name })
            .collect()
    }

    fn checked(&self, name: &str, values: &[String]) -> Result<(String, String)> {
        let key = name.to_ascii_lowercase();
        let Some(d) = definition(name) else {
            check_custom(name, &key)?;
            return Ok((key, values.join(", ")));
        };
        if d.scope == Scope::Fixed {
            return Err(cannot_change(d));
        }
        let value = match (d.kind, values) {
            (Kind::List, _) => values.iter().map(|v| quote_name(v)).collect::<Vec<_>>().join(", "),
            (Kind::DateStyle, _) => values.join(", "),
            (_, [value]) => value.clone(),
            _ => {
                let message = format!("SET {} takes only one argument", d.name);
                return Err(Error::new(ErrorKind::InvalidParameterValue, message));
            }
        };
        if d.kind == Kind::DateStyle {
            // `SET DateStyle TO 'ISO'` keeps the order of day and month, `SET DateStyle TO 'DMY'` the style.
            return Ok((key, date_style(&value, self.get("DateStyle"), d)?));
        }
        Ok((key, d.check(&value)?))
    }

    fn before_change(&mut self, key: &str) {
        if self.saved.is_none() {
            self.saved = Some(self.session.clone());
        }
        self.touched.insert(key.to_owned());
        self.generation += 1;
    }
}

/// Whether SHOW ALL and pg_settings pass over a variable; SHOW of its name tells it.
pub(crate) fn is_hidden(name: &str) -> bool {
    matches!(name, "is_superuser" | "role" | "session_authorization")
}

/// A name as it is looked up.
pub(super) fn lower_case(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Names with a dot belong to applications, as in PostgreSQL, but for those below our own prefix.
fn check_custom(name: &str, key: &str) -> Result<()> {
    let Some((prefix, _)) = key.split_once('.') else { return Err(unrecognized(name)) };
    let is_identifier = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
    };
    let detail = if !key.split('.').all(is_identifier) {
        "Custom parameter names must be two or more simple identifiers separated by dots.".to_owned()
    } else if prefix == RESERVED_PREFIX {
        format!("\"{prefix}\" is a reserved prefix.")
    } else {
        return Ok(());
    };
    let message = format!("invalid configuration parameter name \"{name}\"");
    Err(Error::new(ErrorKind::InvalidName, message).with_detail(detail))
}

/// `Unsupported` for a parameter that PostgreSQL has.
pub(crate) fn unrecognized(name: &str) -> Error {
    if is_postgres_parameter(name) {
        return Error::unsupported(format!("parameter \"{name}\" is not supported"))
            .with_hint("SHOW ALL lists the parameters that there are.");
    }
    Error::new(ErrorKind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""))
}

fn cannot_change(d: &Definition) -> Error {
    Error::new(ErrorKind::CannotChangeParameter, format!("parameter \"{}\" cannot be changed", d.name))
}

/// Milliseconds in the largest unit that divides them.
fn with_unit(value: &str) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    match value.parse::<i64>() {
        Ok(0) | Err(_) => value.to_owned(),
        Ok(ms) => UNITS
            .iter()
            .find(|(size, _)| ms % size == 0)
            .map_or_else(|| format!("{ms}ms"), |(size, unit)| format!("{}{unit}", ms / size)),
    }
}

fn quote_name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    // A value that is itself a list (`SET search_path TO 'a, b'`) is one quoted name to PostgreSQL too.
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Names of a comma-separated list; quoted ones keep their case.
fn split_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c if quoted => name.push(c),
            c if c.is_whitespace() => {}
            c => name.extend(c.to_lowercase()),
        }
    }
    names.push(name);
    names.retain(|n| !n.is_empty());
    names
}

/// PostgreSQL's name of an encoding; compared by letters and digits only.
pub(super) fn encoding(value: &str) -> Option<&'static str> {
    let plain: String =
        value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8" | "unicode" => Some("UTF8"),
        "sqlascii" => Some("SQL_ASCII"),
        "latin1" | "iso88591" => Some("LATIN1"),
        "latin9" | "iso885915" => Some("LATIN9"),
        "win1252" | "windows1252" => Some("WIN1252"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;
    use base::ErrorKind;

    fn set(v: &mut Variables, name: &str, value: &str, local: bool) {
        v.set(name, &[value.to_owned()], local).unwrap();
    }

    #[test]
    fn rollback_restores_and_commit_ends_local_values() {
        let mut v = Variables::default();
        set(&mut v, "application_name", "a", false);
        v.end_transaction(true);
        set(&mut v, "application_name", "b", false);
        set(&mut v, "application_name", "c", true);
        assert_eq!(v.get("application_name"), "c");
        v.end_transaction(false);
        assert_eq!(v.get("application_name"), "a");
        set(&mut v, "application_name", "c", true);
        v.end_transaction(true);
        assert_eq!(v.get("application_name"), "a");
    }

    #[test]
    fn changes_are_told_once_in_postgresqls_spelling() {
        let mut v = Variables::default();
        set(&mut v, "timezone", "UTC", false);
        set(&mut v, "statement_timeout", "5s", false);
        assert_eq!(v.take_changes(), [("TimeZone".to_owned(), "UTC".to_owned())]);
        assert_eq!(v.take_changes(), []);
        assert_eq!(v.show("STATEMENT_TIMEOUT").unwrap(), "5s");
    }

    #[test]
    fn unknown_and_fixed_variables_are_refused() {
        let mut v = Variables::default();
        let error = v.set("nope", &["1".to_owned()], false).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::UndefinedObject, "unrecognized configuration parameter \"nope\"")
        );
        let error = v.set("server_version", &["9".to_owned()], false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CannotChangeParameter);
        assert_eq!(v.show("nope").unwrap_err().kind(), ErrorKind::UndefinedObject);
        v.set("my.flag", &["x".to_owned()], false).unwrap();
        assert_eq!(v.show("my.flag").unwrap(), "x");
    }

    #[test]
    fn search_path_is_split_and_quoted() {
        let mut v = Variables::default();
        assert_eq!(v.search_path("postgres"), ["postgres", "public"]);
        v.set("search_path", &["Mixed Case".to_owned(), "public".to_owned()], false).unwrap();
        assert_eq!(v.show("search_path").unwrap(), "\"Mixed Case\", public");
        assert_eq!(v.search_path("postgres"), ["Mixed Case", "public"]);
    }

    #[test]
    fn date_style_keeps_the_order_it_had() {
        let mut v = Variables::default();
        set(&mut v, "datestyle", "iso, dmy", false);
        set(&mut v, "datestyle", "ISO", false);
        assert_eq!(v.get("DateStyle"), "ISO, DMY");
    }
}
