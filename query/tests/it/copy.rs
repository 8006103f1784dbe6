//! COPY in every direction and format.

use crate::harness::Server;
use base::ErrorKind;

#[tokio::test]
async fn text_and_csv_go_in_and_out_however_they_are_cut() {
    for piece in [1, 3, 1_000] {
        let server = Server::start();
        let mut client = server.session();
        client.run("CREATE TABLE t (a int PRIMARY KEY, b text, c numeric)").await.unwrap();
        let text = "1\tone\\ttab\t1.50\n2\t\\N\t\\N\n3\tback\\\\slash\t-7\n\\.\n";
        assert_eq!(client.copy_in("COPY t FROM STDIN", text, piece).await.unwrap(), "COPY 3");
        let csv = "a,b,c\r\n4,\"with \"\"quotes\"\", comma\r\nand line\",4.0\r\n5,,\r\n6,\"\",6\r\n";
        let sql = "COPY t FROM STDIN WITH (FORMAT csv, HEADER)";
        assert_eq!(client.copy_in(sql, csv, piece).await.unwrap(), "COPY 3");
        let rows = client.rows("COPY (SELECT * FROM t ORDER BY a) TO STDOUT").await;
        let expected = [
            "1\tone\\ttab\t1.50\n",
            "2\t\\N\t\\N\n",
            "3\tback\\\\slash\t-7\n",
            "4\twith \"quotes\", comma\\r\\nand line\t4.0\n",
            "5\t\\N\t\\N\n",
            "6\t\t6\n",
        ];
        assert_eq!(rows, expected);
        let rows = client.rows("COPY (SELECT * FROM t ORDER BY a) TO STDOUT (FORMAT csv)").await;
        assert_eq!(rows[3], "4,\"with \"\"quotes\"\", comma\r\nand line\",4.0\n");
        assert_eq!((rows[4].as_str(), rows[5].as_str()), ("5,,\n", "6,\"\",6\n"));
    }
}

#[tokio::test]
async fn errors_in_the_data_name_their_place_and_nothing_is_kept() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text NOT NULL)").await.unwrap();
    let cases = [
        (
            "1\tx\n2\ty\nq\tz\n",
            ErrorKind::InvalidText,
            "invalid input syntax for type integer: \"q\"",
            "COPY t, line 3, column a: \"q\"",
        ),
        ("1\n", ErrorKind::BadCopyFormat, "missing data for column \"b\"", "COPY t, line 1: \"1\""),
        (
            "1\tx\ty\n",
            ErrorKind::BadCopyFormat,
            "extra data after last expected column",
            "COPY t, line 1: \"1\tx\ty\"",
        ),
        (
            "1\tx\n2\t\\N\n",
            ErrorKind::NotNullViolation,
            "null value in column \"b\" of relation \"t\" violates not-null constraint",
            "COPY t, line 2",
        ),
    ];
    for (data, kind, message, context) in cases {
        let error = client.copy_in("COPY t FROM STDIN", data, 4).await.unwrap_err();
        assert_eq!((error.kind(), error.message(), error.context()), (kind, message, Some(context)));
        assert_eq!(client.rows("SELECT count(*) FROM t").await, ["0"]);
    }
    let error = client.copy_in("COPY t FROM STDIN", "1\tx\n1\ty\n", 100).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_copy_given_up_leaves_nothing() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    let parsed = client.session.parse("COPY t FROM STDIN").await.unwrap().remove(0);
    let prepared = client.session.prepare(&parsed, &[]).await.unwrap();
    let execution = client.session.execute(&prepared, Vec::new(), true).await.unwrap();
    drop(execution);
    client.session.fail().await;
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(client.rows("SELECT a FROM t").await, ["1"]);
}

#[tokio::test]
async fn parquet_files_come_back_as_the_same_rows() {
    let server = Server::start();
    let root = server.path().display().to_string();
    let mut client = server.session();
    let columns = "a int PRIMARY KEY, b text, c numeric(12,2), d date, e timestamp, f timestamptz, g boolean, h uuid, i bytea, \
                   j numeric, k double precision, l smallint, m bigint, n varchar(5), o time, p timetz, q interval, \
                   r json, s jsonb, t bit(3), u varbit, v integer[], w interval[], x timetz[], y jsonb[], z numeric(6,2)[]";
    client.run(&format!("CREATE TABLE t ({columns})")).await.unwrap();
    client.run(&format!("CREATE TABLE back ({columns})")).await.unwrap();
    client
        .run(
            "INSERT INTO t VALUES (1, 'x', 1.25, '2024-02-29', '2024-01-01 12:00:00.5', '2024-01-01 12:00:00+00', true, \
             '00000000-0000-0000-0000-000000000001', '\\x00ff', 1.230, 0.1, 7, 9000000000, 'abcde', '24:00', '12:00+02', '1 mon -2 days 03:00', '{\"a\" : 1}', '{\"a\" : 1.50}', \
             '101', '01', '{1,NULL}', '{1 day,NULL}', '{10:00+01}', '{1,NULL}', '{1.25,NULL}')",
        )
        .await
        .unwrap();
    client.run("INSERT INTO t (a, q, w) VALUES (2, '178956970 years 7 mons 2147483647 days 2562047788:00:54.775807', '{9223372036854775807 us,-2562047788:00:54.775807}')").await.unwrap();
    let tag = client.tag(&format!("COPY t TO '{root}/one.parquet' (FORMAT parquet, COMPRESSION zstd)")).await;
    assert_eq!(tag, "COPY 2");
    assert_eq!(client.tag(&format!("COPY back FROM '{root}/one.parquet' (FORMAT parquet)")).await, "COPY 2");
    let before = client.rows("SELECT * FROM t ORDER BY a").await;
    assert_eq!(client.rows("SELECT * FROM back ORDER BY a").await, before);
    assert_eq!(client.tag(&format!("COPY t TO '{root}/many/' (FORMAT parquet)")).await, "COPY 2");
    client.run("DELETE FROM back").await.unwrap();
    assert_eq!(
        client.tag(&format!("COPY back FROM '{root}/many/*.parquet' (FORMAT parquet)")).await,
        "COPY 2"
    );
    assert_eq!(client.rows("SELECT * FROM back ORDER BY a").await, before);
    let error = client.error(&format!("COPY t TO '{root}/many/' (FORMAT parquet)")).await;
    assert_eq!(error.kind(), ErrorKind::DuplicateObject);
}

#[tokio::test]
async fn a_parquet_file_that_does_not_fit_is_refused_by_column() {
    let server = Server::start();
    let root = server.path().display().to_string();
    let mut client = server.session();
    client.run("CREATE TABLE wide (a int, b text, \"C\" int)").await.unwrap();
    client.run("INSERT INTO wide VALUES (1, 'x', 3)").await.unwrap();
    client.run(&format!("COPY wide TO '{root}/w.parquet' (FORMAT parquet)")).await.unwrap();
    client.run("CREATE TABLE missing (a int, z text)").await.unwrap();
    let error = client.error(&format!("COPY missing FROM '{root}/w.parquet' (FORMAT parquet)")).await;
    assert_eq!(error.kind(), ErrorKind::UndefinedColumn);
    assert!(error.message().contains("column \"z\" is missing"), "{error}");
    client.run("CREATE TABLE other (a text)").await.unwrap();
    let error = client.error(&format!("COPY other FROM '{root}/w.parquet' (FORMAT parquet)")).await;
    assert_eq!(error.kind(), ErrorKind::DatatypeMismatch);
    assert!(error.message().contains("column \"a\""), "{error}");
    client.run("CREATE TABLE folded (c int)").await.unwrap();
    assert_eq!(client.tag(&format!("COPY folded FROM '{root}/w.parquet' (FORMAT parquet)")).await, "COPY 1");
    assert_eq!(client.rows("SELECT c FROM folded").await, ["3"]);
    let error = client.error(&format!("COPY folded FROM '{root}/none.parquet' (FORMAT parquet)")).await;
    assert_eq!(error.kind(), ErrorKind::FileMissing);
    client.run(&format!("COPY wide TO '{root}/w.csv' (FORMAT csv)")).await.unwrap();
    let error = client.error(&format!("COPY folded FROM '{root}/w.csv' (FORMAT parquet)")).await;
    assert_eq!(error.kind(), ErrorKind::BadCopyFormat);
    let error = client.error("COPY folded FROM '/etc/passwd' (FORMAT parquet)").await;
    assert_eq!(error.kind(), ErrorKind::InsufficientPrivilege);
}

#[tokio::test]
async fn a_header_can_be_made_to_match() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a text, b text)").await.unwrap();
    let sql = "COPY t FROM STDIN (FORMAT csv, HEADER MATCH)";
    assert_eq!(client.copy_in(sql, "a,b\n1,2\n", 2).await.unwrap(), "COPY 1");
    let cases = [
        ("a,c\n1,2\n", "column name mismatch in header line field 2: got \"c\", expected \"b\""),
        ("a\n1,2\n", "wrong number of fields in header line: got 1, expected 2"),
        ("a,\n1,2\n", "column name mismatch in header line field 2: got null value (\"\"), expected \"b\""),
    ];
    for (data, message) in cases {
        let error = client.copy_in(sql, data, 100).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::BadCopyFormat, message));
    }
    assert_eq!(client.rows("COPY t TO STDOUT (FORMAT csv, HEADER)").await, ["a,b\n", "1,2\n"]);
}
