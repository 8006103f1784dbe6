//! The 22 queries, the answers shipped with tpchgen for scale 1, and the comparison of answers.
//!
//! Numbers are compared by value: the shipped answers are rounded to two places and plain DataFusion cuts
//! averages after six, so text cannot be compared.

use base::{Error, Result};
use tpchgen::q_and_a::QueryAndAnswer;
use tpchgen::q_and_a::queries;

/// Numbers of the queries.
pub const QUERIES: std::ops::RangeInclusive<i32> = 1..=22;

/// The statement of a query with the specification's validation values put in.
pub fn query(number: i32, scale: f64) -> Result<String> {
    let template =
        queries::query(number).ok_or_else(|| Error::internal(format!("there is no query {number}")))?;
    let text = template.trim().trim_end_matches(';');
    // The specification writes a precision behind DAY that PostgreSQL's grammar does not have.
    let text = text.replace(" day (3)", " day");
    let text = if number == 15 { view_to_expression(&text)? } else { text };
    let values = values(number, scale);
    // From the last place on, so that :1 does not match the beginning of :10.
    let filled = (1..=values.len()).rev().zip(values.iter().rev());
    let text = filled.fold(text, |text, (place, value)| text.replace(&format!(":{place}"), value));
    let limit = match number {
        2 | 18 | 21 => "\nlimit 100",
        3 => "\nlimit 10",
        10 => "\nlimit 20",
        _ => "",
    };
    Ok(text + limit)
}

/// Query 15 defines a view, uses it and drops it; one statement with a common table expression means the same.
fn view_to_expression(text: &str) -> Result<String> {
    let parts: Vec<&str> = text.split(';').collect();
    let [view, query, ..] = parts.as_slice() else {
        return Err(Error::internal("query 15 is not a view and a query"));
    };
    let view = view.trim().trim_start_matches("create view");
    let (head, body) =
        view.split_once(" as").ok_or_else(|| Error::internal("the view of query 15 has no body"))?;
    Ok(format!("with {head} as ({body})\n{query}").replace("revenue:s", "revenue"))
}

/// Validation values of the specification, section 2.4, in the order of the template's places.
fn values(number: i32, scale: f64) -> Vec<String> {
    if number == 11 {
        return vec!["GERMANY".to_owned(), format!("{:.10}", 0.0001 / scale)];
    }
    let values: &[&str] = match number {
        1 => &["90"],
        2 => &["15", "BRASS", "EUROPE"],
        3 => &["BUILDING", "1995-03-15"],
        4 => &["1993-07-01"],
        5 => &["ASIA", "1994-01-01"],
        6 => &["1994-01-01", "0.06", "24"],
        7 => &["FRANCE", "GERMANY"],
        8 => &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"],
        9 => &["green"],
        10 => &["1993-10-01"],
        12 => &["MAIL", "SHIP", "1994-01-01"],
        13 => &["special", "requests"],
        14 => &["1995-09-01"],
        15 => &["1996-01-01"],
        16 => &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"],
        17 => &["Brand#23", "MED BOX"],
        18 => &["300"],
        19 => &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"],
        20 => &["forest", "1994-01-01", "CANADA"],
        21 => &["SAUDI ARABIA"],
        22 => &["13", "31", "23", "29", "30", "18", "17"],
        _ => &[],
    };
    values.iter().map(|v| (*v).to_owned()).collect()
}

/// The shipped answer at scale 1: rows of text.
pub fn shipped(number: i32) -> Result<Vec<Vec<String>>> {
    let pair = QueryAndAnswer::new(number, 1.0).map_err(Error::internal)?;
    let mut lines = pair.answer().lines().filter(|line| !line.trim().is_empty());
    // The first line names the columns.
    lines.next();
    Ok(lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).collect())
}

/// Absolute difference below which two numbers are the same.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance(pub f64);

impl Tolerance {
    /// For the shipped answers.
    pub const SHIPPED: Tolerance = Tolerance(0.01);
    /// For plain DataFusion.
    pub const PLAIN: Tolerance = Tolerance(0.000_1);
}

/// Says how `got` differs from `expected`; None when it does not.
pub fn difference(expected: &[Vec<String>], got: &[Vec<String>], tolerance: Tolerance) -> Option<String> {
    if expected.len() != got.len() {
        return Some(format!("{} rows instead of {}", got.len(), expected.len()));
    }
    expected.iter().zip(got).enumerate().find_map(|(i, (want, have))| {
        let same = want.len() == have.len() && want.iter().zip(have).all(|(a, b)| same_cell(a, b, tolerance));
        (!same).then(|| format!("row {}: {} instead of {}", i + 1, have.join("|"), want.join("|")))
    })
}

fn same_cell(a: &str, b: &str, tolerance: Tolerance) -> bool {
    if a.trim() == b.trim() {
        return true;
    }
    match (a.trim().parse::<f64>(), b.trim().parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= tolerance.0 + 1e-9 * a.abs(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{QUERIES, Tolerance, difference, query, shipped};

    #[test]
    fn all_queries_have_text_and_answers() {
        for number in QUERIES {
            let text = query(number, 1.0).unwrap();
            assert!(text.contains("select") && !text.contains(':') && !text.contains(';'), "{text}");
            assert!(!shipped(number).unwrap().is_empty(), "{number}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value_and_text_by_letter() {
        let rows = |cells: &[&str]| vec![cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()];
        assert_eq!(difference(&rows(&["A", "25.5"]), &rows(&["A", "25.4999999"]), Tolerance::SHIPPED), None);
        assert!(difference(&rows(&["A", "25.5"]), &rows(&["A", "25.6"]), Tolerance::SHIPPED).is_some());
        assert!(difference(&rows(&["A"]), &rows(&["B"]), Tolerance::SHIPPED).is_some());
        assert!(difference(&rows(&["A"]), &[], Tolerance::SHIPPED).is_some());
    }
}
