//! Names that objects had: what values of the reg* types are written as and read from while a session reads the past.

use crate::harness::Server;
use crate::history::moment;
use base::ErrorKind;
use types::IoSettings;

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_named_as_they_were_called_then() {
    let server = Server::start();
    let mut client = server.session();
    client
        .run("CREATE TABLE old (a int PRIMARY KEY); CREATE TABLE refers (a int REFERENCES old)")
        .await
        .unwrap();
    client.run("CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql AS 'SELECT n'").await.unwrap();
    client.run("CREATE SCHEMA shop").await.unwrap();
    let then = moment(&mut client).await;
    client.run("ALTER TABLE old RENAME TO new; ALTER FUNCTION f RENAME TO g").await.unwrap();
    client.run("DROP TABLE refers; DROP SCHEMA shop").await.unwrap();
    client.run(&format!("SET nyala.as_of = {then}")).await.unwrap();

    let objects = "SELECT 'old'::regclass, 'refers'::regclass::oid::regclass, 'f'::regproc, 'f(int)'::regprocedure, \
                   'shop'::regnamespace";
    assert_eq!(client.rows(objects).await, ["old|refers|f|f(integer)|shop"]);
    assert_eq!(
        client.rows("SELECT ARRAY['old'::regclass], ROW('refers'::regclass)").await,
        ["{old}|(refers)"]
    );
    let referred =
        "SELECT conname, conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(client.rows(referred).await, ["refers_a_fkey|refers|old"]);
    assert_eq!(client.rows("COPY (SELECT 'refers'::regclass) TO STDOUT").await, ["refers\n"]);
    assert_eq!(client.rows("SHOW nyala.as_of").await, [then.to_string()]);
    // What parameters are read with.
    let named = |io: &IoSettings, ty, text: &str| io.names.as_ref().unwrap().object(ty, text).is_ok();
    let regclass = types::sql_type::oid::REGCLASS;
    let io = client.session.io_settings();
    assert!(named(&io, regclass, "old") && !named(&io, regclass, "new"));

    client.run("RESET nyala.as_of").await.unwrap();
    let io = client.session.io_settings();
    assert!(named(&io, regclass, "new") && !named(&io, regclass, "old"));
    assert_eq!(client.rows("SELECT 'new'::regclass, 'g'::regproc").await, ["new|g"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_in_the_place_of_a_table_is_told_what_to_do() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT a FROM t").await.unwrap();
    for (statement, hint) in [
        ("SELECT * FROM v FOR SYSTEM_TIME AS OF now()", "nyala.as_of"),
        ("SELECT * FROM table_changes('v', '1 hour', now())", "Ask for the changes of the tables"),
        ("CREATE TABLE w CLONE v AS OF now()", "CREATE TABLE .. AS"),
    ] {
        let error = client.error(statement).await;
        assert_eq!((error.kind(), error.message()), (ErrorKind::WrongObjectType, "\"v\" is not a table"));
        assert!(error.hint().is_some_and(|told| told.contains(hint)), "{error:?}");
    }
}
