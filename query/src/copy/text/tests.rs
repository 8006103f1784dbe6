//! Edge cases of the formats; the expectations are what PostgreSQL 15 answered to the same bytes.

use super::{Field, FieldReader, Layout, Line, LineSplitter, RowWriter, check_utf8};
use base::random::Random;
use sql::bound::{CopyHeader, CopyText};

fn text() -> CopyText {
    CopyText {
        delimiter: b'\t',
        null: "\\N".to_owned(),
        header: CopyHeader::None,
        quote: b'"',
        escape: b'"',
        force_quote: Vec::new(),
        force_not_null: Vec::new(),
        force_null: Vec::new(),
    }
}

fn csv() -> CopyText {
    CopyText { delimiter: b',', null: String::new(), ..text() }
}

type Rows = Vec<Vec<Option<String>>>;
/// The message of the first error and its line.
type Failure = (String, u64);

/// Reads data that arrives in pieces of `piece` bytes.
fn read(layout: &Layout, data: &[u8], piece: usize) -> Result<Rows, Failure> {
    let mut splitter = LineSplitter::new(layout);
    let mut reader = FieldReader::new(layout.clone());
    let mut rows = Rows::new();
    for part in data.chunks(piece) {
        splitter.push(part);
        drain(&mut splitter, &mut reader, &mut rows)?;
    }
    splitter.finish();
    drain(&mut splitter, &mut reader, &mut rows)?;
    Ok(rows)
}

fn drain(splitter: &mut LineSplitter, reader: &mut FieldReader, rows: &mut Rows) -> Result<(), Failure> {
    loop {
        let found = splitter.next();
        let failed = |e: base::Error, line: u64| (e.message().to_owned(), line);
        let (start, end) = match found.map_err(|e| failed(e, splitter.number()))? {
            Line::Found { start, end } => (start, end),
            Line::NeedMore | Line::End => return Ok(()),
        };
        check_utf8(splitter.bytes(start, usize::MAX), end - start)
            .map_err(|e| failed(e, splitter.number()))?;
        let count = reader.read(splitter.bytes(start, end)).map_err(|e| failed(e, splitter.number()))?;
        let fields = (0..count).map(|i| match reader.get(i) {
            Some(Field::Value(text)) => Some(text.to_owned()),
            Some(Field::Null) | None => None,
        });
        rows.push(fields.collect());
    }
}

type Expected = Result<&'static [&'static [Option<&'static str>]], (&'static str, u64)>;

/// A layout, data in it, and what it is: rows, or an error with its line.
type Case = (Layout, &'static [u8], Expected);

fn text_cases() -> Vec<Case> {
    vec![
        (Layout::Text(text()), b"a\tb\nc\td\n", Ok(&[&[Some("a"), Some("b")], &[Some("c"), Some("d")]])),
        (Layout::Text(text()), b"a\tb\r\nc\td\r\n", Ok(&[&[Some("a"), Some("b")], &[Some("c"), Some("d")]])),
        (Layout::Text(text()), b"a\tb\rc\td\r", Ok(&[&[Some("a"), Some("b")], &[Some("c"), Some("d")]])),
        (Layout::Text(text()), b"a\tb\nc\td\r\n", Err(("literal carriage return found in data", 2))),
        (Layout::Text(text()), b"a\tb\r\nc\td\n", Err(("literal newline found in data", 2))),
        (Layout::Text(text()), b"a\tb\rc\td\n", Err(("literal newline found in data", 2))),
        (Layout::Text(text()), b"a\tb\r\nc\td\r", Err(("literal carriage return found in data", 2))),
        (Layout::Text(text()), b"a\tb", Ok(&[&[Some("a"), Some("b")]])),
        (Layout::Text(text()), b"\\b\\f\\n\\r\\t\\v\\\\\\q\\.x", Err(("end-of-copy marker corrupt", 1))),
        (Layout::Text(text()), b"\\b\\f\\n\\r\\t\\v\\\\\\q", Ok(&[&[Some("\u{8}\u{c}\n\r\t\u{b}\\q")]])),
        (Layout::Text(text()), b"\\101\\1018\\x41\\x4a4\\xg\\8\n", Ok(&[&[Some("AA8AJ4xg8")]])),
        (Layout::Text(text()), b"\\303\\251\n", Ok(&[&[Some("é")]])),
        (
            Layout::Text(text()),
            b"\\303x\n",
            Err(("invalid byte sequence for encoding \"UTF8\": 0xc3 0x78", 1)),
        ),
        (Layout::Text(text()), b"\\000\n", Err(("invalid byte sequence for encoding \"UTF8\": 0x00", 1))),
        (Layout::Text(text()), b"x\\\n", Ok(&[&[Some("x\n")]])),
        (Layout::Text(text()), b"x\\\ny\n", Ok(&[&[Some("x\ny")]])),
        (Layout::Text(text()), b"x\\", Ok(&[&[Some("x")]])),
        (Layout::Text(text()), b"\n\n", Ok(&[&[Some("")], &[Some("")]])),
        (Layout::Text(text()), b"\\N\t\\N\n\\\\N\t\\Nx\n", Ok(&[&[None, None], &[Some("\\N"), Some("Nx")]])),
        (Layout::Text(text()), b"a\n\\.\nb\n", Ok(&[&[Some("a")]])),
        (Layout::Text(text()), b"a\n\\.", Err(("end-of-copy marker corrupt", 2))),
        (Layout::Text(text()), b"a\n\\.x\n", Err(("end-of-copy marker corrupt", 2))),
        (Layout::Text(text()), b"a\r\n\\.\r\nb\r\n", Ok(&[&[Some("a")]])),
        (
            Layout::Text(text()),
            b"a\r\n\\.\n",
            Err(("end-of-copy marker does not match previous newline style", 2)),
        ),
        (
            Layout::Text(text()),
            b"a\n\\.\r\n",
            Err(("end-of-copy marker does not match previous newline style", 2)),
        ),
        (Layout::Text(text()), b"a\r\n\\.", Err(("end-of-copy marker corrupt", 2))),
        (
            Layout::Text(text()),
            b"\xc3\xa9\n\xff\n",
            Err(("invalid byte sequence for encoding \"UTF8\": 0xff", 2)),
        ),
        (Layout::Text(text()), b"\xc3\n", Err(("invalid byte sequence for encoding \"UTF8\": 0xc3 0x0a", 1))),
        (Layout::Text(text()), b"a\x00b\n", Err(("invalid byte sequence for encoding \"UTF8\": 0x00", 1))),
        (
            Layout::Text(text()),
            b"a\t\xe2\x82\tx\n",
            Err(("invalid byte sequence for encoding \"UTF8\": 0xe2 0x82 0x09", 1)),
        ),
        (
            Layout::Text(CopyText { delimiter: b'|', null: "nil".to_owned(), ..text() }),
            b"a\\|b|nil\n",
            Ok(&[&[Some("a|b"), None]]),
        ),
        (Layout::Text(text()), b"a\nb\\.\n", Ok(&[&[Some("a")], &[Some("b")]])),
        (Layout::Text(text()), b"\t\\N\t\n", Ok(&[&[Some(""), None, Some("")]])),
        (
            Layout::Text(CopyText { delimiter: b',', ..text() }),
            b"a\\,b,c\\054d\n",
            Ok(&[&[Some("a,b"), Some("c,d")]]),
        ),
    ]
}

fn csv_cases() -> Vec<Case> {
    vec![
        (Layout::Csv(csv()), b"a,b\n", Ok(&[&[Some("a"), Some("b")]])),
        (Layout::Csv(csv()), b"\"a\nb\",c\n", Ok(&[&[Some("a\nb"), Some("c")]])),
        (
            Layout::Csv(csv()),
            b"\"a\r\nb\",c\r\nd,e\r\n",
            Ok(&[&[Some("a\r\nb"), Some("c")], &[Some("d"), Some("e")]]),
        ),
        (Layout::Csv(csv()), b"\"a\"\"b\",c\"d\"e\n", Ok(&[&[Some("a\"b"), Some("cde")]])),
        (Layout::Csv(csv()), b"\"a\",\n,\"\"\n", Ok(&[&[Some("a"), None], &[None, Some("")]])),
        (Layout::Csv(csv()), b"a,\"b\n", Err(("unterminated CSV quoted field", 1))),
        (Layout::Csv(csv()), b"\n", Ok(&[&[None]])),
        (Layout::Csv(csv()), b"a\n\\.\nb\n", Ok(&[&[Some("a")]])),
        (Layout::Csv(csv()), b"a\n\\.", Ok(&[&[Some("a")], &[Some("\\.")]])),
        (Layout::Csv(csv()), b"a\n\\.x\n", Ok(&[&[Some("a")], &[Some("\\.x")]])),
        (Layout::Csv(csv()), b"a\nx\\.\n", Ok(&[&[Some("a")], &[Some("x\\.")]])),
        (Layout::Csv(csv()), b"a\r\n\\.\r\nb\r\n", Ok(&[&[Some("a")]])),
        (Layout::Csv(csv()), b"a\r\n\\.\nb\r\n", Err(("unquoted newline found in data", 2))),
        (Layout::Csv(csv()), b"a\nb\r\n", Err(("unquoted carriage return found in data", 2))),
        (Layout::Csv(csv()), b"a\r\nb\n", Err(("unquoted newline found in data", 2))),
        (Layout::Csv(csv()), b" a \n\" b \" \n", Ok(&[&[Some(" a ")], &[Some(" b  ")]])),
        (
            Layout::Csv(CopyText { escape: b'\\', ..csv() }),
            b"\"a\\\"b\",\"c\\\\\"\n",
            Ok(&[&[Some("a\"b"), Some("c\\")]]),
        ),
        (
            Layout::Csv(CopyText { escape: b'\\', ..csv() }),
            b"\"a\\nb\",c\n",
            Ok(&[&[Some("a\\nb"), Some("c")]]),
        ),
        (
            Layout::Csv(CopyText { delimiter: b';', quote: b'\'', escape: b'\'', ..csv() }),
            b"'a;b';'it''s'\n",
            Ok(&[&[Some("a;b"), Some("it's")]]),
        ),
        (Layout::Csv(CopyText { null: "x".to_owned(), ..csv() }), b"x,\"x\"\n", Ok(&[&[None, Some("x")]])),
        (
            Layout::Csv(CopyText {
                null: "x".to_owned(),
                force_null: vec![1],
                force_not_null: vec![0],
                ..csv()
            }),
            b"x,\"x\"\n",
            Ok(&[&[Some("x"), None]]),
        ),
        (Layout::Csv(csv()), b"a,,\"\"\n", Ok(&[&[Some("a"), None, Some("")]])),
        (Layout::Csv(csv()), b"\"\"\n", Ok(&[&[Some("")]])),
        (Layout::Csv(csv()), b"\"a\"b,c\n", Ok(&[&[Some("ab"), Some("c")]])),
        (Layout::Csv(csv()), b"a \"b\" c,\" d\"\n", Ok(&[&[Some("a b c"), Some(" d")]])),
        (Layout::Csv(CopyText { quote: b'|', escape: b'|', ..csv() }), b"|a||b|\n", Ok(&[&[Some("a|b")]])),
    ]
}

/// Such a marker means nothing else, and is no NUL where it is all of a field.
#[test]
fn a_null_marker_may_be_an_escape() {
    let layout = Layout::Text(CopyText { null: "\\0".to_owned(), ..text() });
    let data = b"42\t\\\\0\n\\0\t\\0\n";
    let rows = read(&layout, data, data.len()).unwrap();
    assert_eq!(rows, [[Some("42".to_owned()), Some("\\0".to_owned())], [None, None]]);
    let failed = read(&layout, b"1\ta\\0\n", 8).unwrap_err();
    assert_eq!(failed.0, "invalid byte sequence for encoding \"UTF8\": 0x00");
}

#[test]
fn data_is_read_as_by_postgresql_however_it_is_cut() {
    for (layout, data, expected) in text_cases().into_iter().chain(csv_cases()) {
        let expected: Result<Rows, Failure> = expected
            .map(|rows| rows.iter().map(|row| row.iter().map(|v| v.map(str::to_owned)).collect()).collect())
            .map_err(|(message, line)| (message.to_owned(), line));
        for piece in [1, 2, 7, 1_000] {
            let found = read(&layout, data, piece);
            assert_eq!(
                found,
                expected,
                "{:?} {layout:?} in pieces of {piece}",
                String::from_utf8_lossy(data)
            );
        }
    }
}

#[test]
fn lines_are_numbered_through_quotes() {
    let layout = Layout::Csv(csv());
    let (_, line) = read(&layout, b"\"a\nb\",c\nx\r\n", 3).unwrap_err();
    // PostgreSQL does not know the kind of line end inside the first line and counts returns there.
    assert_eq!(line, 2);
    let (_, line) = read(&layout, b"\"a\rb\",c\rx\n", 3).unwrap_err();
    assert_eq!(line, 3);
}

#[test]
fn what_is_written_is_read_back() {
    const CHARACTERS: [&str; 14] =
        ["a", "\t", "\n", "\r", "\\", ".", "N", ",", "\"", "'", "\u{8}", "\u{c}", "é", " "];
    let random = Random::from_seed(11);
    let layouts = [
        Layout::Text(text()),
        Layout::Text(CopyText { delimiter: b'|', null: "nil".to_owned(), ..text() }),
        Layout::Csv(csv()),
        Layout::Csv(CopyText { escape: b'\\', null: "N".to_owned(), ..csv() }),
        Layout::Csv(CopyText { quote: b'\'', escape: b'\'', force_quote: vec![0], ..csv() }),
    ];
    for layout in layouts {
        for columns in [1, 3] {
            let rows: Rows = (0..200)
                .map(|_| {
                    (0..columns)
                        .map(|_| {
                            let length = random.below(5);
                            let pick = |_| CHARACTERS[random.below(CHARACTERS.len() as u64) as usize];
                            (random.below(5) > 0).then(|| (0..length).map(pick).collect())
                        })
                        .collect()
                })
                .collect();
            let writer = RowWriter::new(layout.clone(), columns);
            let mut bytes = Vec::new();
            for row in &rows {
                for (index, value) in row.iter().enumerate() {
                    writer.field(index, value.as_deref(), &mut bytes);
                }
                writer.end_row(&mut bytes);
            }
            assert_eq!(read(&layout, &bytes, 13), Ok(rows), "{layout:?}");
        }
    }
}
