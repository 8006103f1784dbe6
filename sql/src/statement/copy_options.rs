//! The options of COPY: each checked, and none accepted without effect.
//!
//! Must not know where the bytes come from.
//! Invariant: delimiter, quote and escape are single bytes that cannot be mistaken for one another or for data.

use crate::binder::Binder;
use crate::bound::{CopyFormat, CopyHeader, CopyText, ParquetCompression};
use crate::parse::{CopyOption, CopyValue};
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// Options as written; `None` where the default counts.
#[derive(Debug, Default)]
struct Options<'o> {
    format: Option<Format>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<CopyHeader>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<&'o CopyValue>,
    force_not_null: Option<&'o CopyValue>,
    force_null: Option<&'o CopyValue>,
    compression: Option<ParquetCompression>,
    encoding: bool,
    freeze: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Csv,
    Parquet,
}

/// `columns` are the names of the copied columns; `client` tells that the other end is STDIN or STDOUT.
pub(super) fn bind(
    binder: &Binder<'_>,
    given: &[CopyOption],
    from: bool,
    client: bool,
    columns: &[String],
) -> Result<CopyFormat> {
    let mut options = Options::default();
    for option in given {
        read(&mut options, option, from)?;
    }
    match options.format.unwrap_or(Format::Text) {
        Format::Parquet => parquet(&options, client),
        Format::Text => Ok(CopyFormat::Text(text(binder, &options, false, from, columns)?)),
        Format::Csv => Ok(CopyFormat::Csv(text(binder, &options, true, from, columns)?)),
    }
}

fn read<'o>(options: &mut Options<'o>, option: &'o CopyOption, from: bool) -> Result<()> {
    let CopyOption { name, at, value } = option;
    match name.as_str() {
        "format" => set(&mut options.format, format(&required(option)?, *at)?, *at),
        "delimiter" => set(&mut options.delimiter, required(option)?, *at),
        "null" => set(&mut options.null, required(option)?, *at),
        "header" => set(&mut options.header, header(value, from)?, *at),
        "quote" => set(&mut options.quote, required(option)?, *at),
        "escape" => set(&mut options.escape, required(option)?, *at),
        "force_quote" => set(&mut options.force_quote, column_list(option, true)?, *at),
        "force_not_null" => set(&mut options.force_not_null, column_list(option, false)?, *at),
        "force_null" => set(&mut options.force_null, column_list(option, false)?, *at),
        "compression" => set(&mut options.compression, compression(&required(option)?, *at)?, *at),
        "encoding" => {
            if options.encoding {
                return Err(conflicting(*at));
            }
            options.encoding = true;
            encoding(&required(option)?, *at)
        }
        "freeze" => {
            if options.freeze {
                return Err(conflicting(*at));
            }
            options.freeze = true;
            if boolean(option)? {
                return Err(Error::unsupported("COPY FREEZE is not supported")
                    .at(*at)
                    .with_hint("Leave the option out; rows are never frozen."));
            }
            Ok(())
        }
        _ => Err(Error::new(ErrorKind::Syntax, format!("option \"{name}\" not recognized")).at(*at)),
    }
}

fn set<T>(place: &mut Option<T>, value: T, at: usize) -> Result<()> {
    if place.replace(value).is_some() { Err(conflicting(at)) } else { Ok(()) }
}

fn conflicting(at: usize) -> Error {
    Error::new(ErrorKind::Syntax, "conflicting or redundant options").at(at)
}

fn required(option: &CopyOption) -> Result<String> {
    match &option.value {
        CopyValue::Text(text) => Ok(text.clone()),
        CopyValue::AllColumns => Ok("*".to_owned()),
        CopyValue::None | CopyValue::Columns(_) => {
            Err(Error::new(ErrorKind::Syntax, format!("{} requires a parameter", option.name)))
        }
    }
}

fn boolean(option: &CopyOption) -> Result<bool> {
    match &option.value {
        CopyValue::None => Ok(true),
        CopyValue::Text(text) if ["true", "on", "1"].iter().any(|t| text.eq_ignore_ascii_case(t)) => Ok(true),
        CopyValue::Text(text) if ["false", "off", "0"].iter().any(|t| text.eq_ignore_ascii_case(t)) => {
            Ok(false)
        }
        CopyValue::Text(_) | CopyValue::Columns(_) | CopyValue::AllColumns => {
            Err(Error::new(ErrorKind::Syntax, format!("{} requires a Boolean value", option.name)))
        }
    }
}

fn format(name: &str, at: usize) -> Result<Format> {
    match name {
        "text" => Ok(Format::Text),
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        "binary" => Err(Error::unsupported("COPY format \"binary\" is not supported")
            .at(at)
            .with_hint("Use FORMAT csv, text or parquet.")),
        _ => {
            let message = format!("COPY format \"{name}\" not recognized");
            Err(Error::new(ErrorKind::InvalidParameterValue, message).at(at))
        }
    }
}

fn header(value: &CopyValue, from: bool) -> Result<CopyHeader> {
    let CopyValue::Text(text) = value else {
        return if *value == CopyValue::None { Ok(CopyHeader::Skip) } else { Err(bad_header()) };
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(CopyHeader::Skip),
        "false" | "off" | "0" => Ok(CopyHeader::None),
        "match" if from => Ok(CopyHeader::Match),
        "match" => Err(Error::unsupported("cannot use \"match\" with HEADER in COPY TO")),
        _ => Err(bad_header()),
    }
}

fn bad_header() -> Error {
    Error::new(ErrorKind::Syntax, "header requires a Boolean value or \"match\"")
}

fn compression(name: &str, at: usize) -> Result<ParquetCompression> {
    match name.to_ascii_lowercase().as_str() {
        "zstd" => Ok(ParquetCompression::Zstd),
        "snappy" => Ok(ParquetCompression::Snappy),
        "lz4" => Ok(ParquetCompression::Lz4),
        "none" | "uncompressed" => Ok(ParquetCompression::Uncompressed),
        _ => {
            let message = format!("COPY compression \"{name}\" not recognized");
            Err(Error::new(ErrorKind::InvalidParameterValue, message)
                .at(at)
                .with_hint("Use zstd, snappy, lz4 or none."))
        }
    }
}

/// Text is UTF-8 throughout.
fn encoding(name: &str, at: usize) -> Result<()> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(()),
        "latin1" | "iso88591" | "sqlascii" | "win1252" | "latin9" | "eucjp" | "sjis" | "big5" | "gbk"
        | "win1251" => Err(Error::unsupported(format!("COPY encoding \"{name}\" is not supported"))
            .at(at)
            .with_hint("Convert the data to UTF8.")),
        _ => {
            let message = "argument to option \"encoding\" must be a valid encoding name";
            Err(Error::new(ErrorKind::InvalidParameterValue, message).at(at))
        }
    }
}

/// A list of columns; `*` only where PostgreSQL takes it.
fn column_list(option: &CopyOption, all: bool) -> Result<&CopyValue> {
    match &option.value {
        CopyValue::Columns(_) => Ok(&option.value),
        CopyValue::AllColumns if all => Ok(&option.value),
        _ => {
            let message = format!("argument to option \"{}\" must be a list of column names", option.name);
            Err(Error::new(ErrorKind::InvalidParameterValue, message).at(option.at))
        }
    }
}

fn parquet(options: &Options<'_>, client: bool) -> Result<CopyFormat> {
    let Options {
        format: _,
        delimiter,
        null,
        header,
        quote,
        escape,
        force_quote,
        force_not_null,
        force_null,
        compression,
        encoding: _,
        freeze: _,
    } = options;
    let textual = [
        ("DELIMITER", delimiter.is_some()),
        ("NULL", null.is_some()),
        ("HEADER", header.is_some()),
        ("QUOTE", quote.is_some()),
        ("ESCAPE", escape.is_some()),
        ("FORCE_QUOTE", force_quote.is_some()),
        ("FORCE_NOT_NULL", force_not_null.is_some()),
        ("FORCE_NULL", force_null.is_some()),
    ];
    if let Some((name, _)) = textual.iter().find(|(_, given)| *given) {
        return Err(Error::new(ErrorKind::Syntax, format!("cannot specify {name} with FORMAT parquet")));
    }
    if client {
        return Err(Error::unsupported("COPY of Parquet over the connection is not supported")
            .with_hint("Name a path on the server below a --copy-root."));
    }
    Ok(CopyFormat::Parquet { compression: compression.unwrap_or(ParquetCompression::Zstd) })
}

fn text(
    binder: &Binder<'_>,
    options: &Options<'_>,
    csv: bool,
    from: bool,
    columns: &[String],
) -> Result<CopyText> {
    if options.compression.is_some() {
        return Err(Error::unsupported("COPY compression available only in Parquet mode")
            .with_hint("Use FORMAT parquet, or compress the file afterwards."));
    }
    let default_delimiter = if csv { "," } else { "\t" };
    let delimiter = options.delimiter.as_deref().unwrap_or(default_delimiter);
    let null = options.null.clone().unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned());
    let delimiter_byte = single_byte(delimiter, "delimiter")?;
    if matches!(delimiter_byte, b'\n' | b'\r') {
        return Err(invalid("COPY delimiter cannot be newline or carriage return".to_owned()));
    }
    if null.contains(['\n', '\r']) {
        return Err(invalid("COPY null representation cannot use newline or carriage return".to_owned()));
    }
    // In text format these bytes begin or are part of escapes, numbers or the end of data.
    if !csv
        && (b"\\.".contains(&delimiter_byte)
            || delimiter_byte.is_ascii_lowercase()
            || delimiter_byte.is_ascii_digit())
    {
        return Err(invalid(format!("COPY delimiter cannot be \"{delimiter}\"")));
    }
    if !csv && options.quote.is_some() {
        return Err(Error::unsupported("COPY quote available only in CSV mode"));
    }
    let quote = single_byte(options.quote.as_deref().unwrap_or("\""), "quote")?;
    if csv && delimiter_byte == quote {
        return Err(invalid("COPY delimiter and quote must be different".to_owned()));
    }
    if !csv && options.escape.is_some() {
        return Err(Error::unsupported("COPY escape available only in CSV mode"));
    }
    let escape = match &options.escape {
        Some(escape) => single_byte(escape, "escape")?,
        None => quote,
    };
    check_forced(options, csv, from)?;
    if null.as_bytes().contains(&delimiter_byte) {
        return Err(Error::unsupported("COPY delimiter must not appear in the NULL specification"));
    }
    if csv && null.as_bytes().contains(&quote) {
        return Err(Error::unsupported("CSV quote character must not appear in the NULL specification"));
    }
    Ok(CopyText {
        delimiter: delimiter_byte,
        null,
        header: options.header.unwrap_or(CopyHeader::None),
        quote,
        escape,
        force_quote: positions(binder, "FORCE_QUOTE", options.force_quote, columns)?,
        force_not_null: positions(binder, "FORCE_NOT_NULL", options.force_not_null, columns)?,
        force_null: positions(binder, "FORCE_NULL", options.force_null, columns)?,
    })
}

fn single_byte(text: &str, what: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(Error::unsupported(format!("COPY {what} must be a single one-byte character"))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// The FORCE options belong to CSV and to one direction each.
fn check_forced(options: &Options<'_>, csv: bool, from: bool) -> Result<()> {
    let forced = [
        ("force quote", options.force_quote, false),
        ("force not null", options.force_not_null, true),
        ("force null", options.force_null, true),
    ];
    for (name, given, for_from) in forced {
        if given.is_none() {
            continue;
        }
        if !csv {
            return Err(Error::unsupported(format!("COPY {name} available only in CSV mode")));
        }
        if for_from != from {
            let direction = if for_from { "FROM" } else { "TO" };
            return Err(Error::unsupported(format!("COPY {name} only available using COPY {direction}")));
        }
    }
    Ok(())
}

/// Positions in the copied columns.
fn positions(
    binder: &Binder<'_>,
    option: &str,
    value: Option<&CopyValue>,
    columns: &[String],
) -> Result<Vec<usize>> {
    match value {
        None | Some(CopyValue::None | CopyValue::Text(_)) => Ok(Vec::new()),
        Some(CopyValue::AllColumns) => Ok((0..columns.len()).collect()),
        Some(CopyValue::Columns(names)) => {
            names.iter().map(|name| position(binder, option, name, columns)).collect()
        }
    }
}

fn position(binder: &Binder<'_>, option: &str, name: &ast::Ident, columns: &[String]) -> Result<usize> {
    let folded = binder.fold(name);
    columns.iter().position(|c| *c == folded).ok_or_else(|| {
        let message = format!("{option} column \"{folded}\" not referenced by COPY");
        Error::new(ErrorKind::InvalidColumnReference, message)
    })
}
