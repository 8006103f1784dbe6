//! The steps of the quickstart, in order, each with its time and what it proved.

use crate::client::Connected;
use crate::quickstart::Arguments;
use crate::quickstart::server::{self, Places, Server};
use crate::tpch::answers::{self, Tolerance, difference};
use crate::tpch::data;
use crate::tpch::plain::Plain;
use crate::tpch::tables::{TABLES, Table};
use base::{Error, Result};
use std::io::Write;
use std::time::Instant;

/// Prints a step when it is done.
struct Progress {
    started: Instant,
    step: Instant,
    done: usize,
}

const STEPS: usize = 11;

impl Progress {
    fn new() -> Self {
        let now = Instant::now();
        Self { started: now, step: now, done: 0 }
    }

    fn done(&mut self, what: &str) {
        self.done += 1;
        say(&format!("[{:>2}/{STEPS}] {:>7.2} s  {what}", self.done, self.step.elapsed().as_secs_f64()));
        self.step = Instant::now();
    }
}

/// A reader that went away (a closed pipe) stops nothing.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut progress = Progress::new();
    if server::stop_previous(&arguments.directory)? {
        say("stopped the server of an earlier run");
    }
    server::check_port(arguments.port)?;
    let places = places(arguments)?;
    if server::clear(&places)? {
        say(&format!("removed the database and the files of an earlier run in {}", places.root.display()));
    }
    let rows = data::generate(&places.files(), arguments.scale)?;
    let total: u64 = rows.iter().map(|(_, rows)| rows).sum();
    progress.done(&format!("made TPC-H data at scale {}: {total} rows as Parquet files", arguments.scale));

    let server = Server::start(&places)?;
    let client = server.connect().await?;
    progress.done(&format!("started the server on {}", server.address));

    load(&client, &places, &rows).await?;
    progress.done("created the eight tables with keys and partitions and loaded them with COPY FROM Parquet");

    queries(&client, &places, arguments.scale).await?;
    progress.done("ran the 22 queries; all answers are right");

    writes(&client).await?;
    progress.done("updated, upserted and deleted rows");

    let before = fingerprints(&client).await?;
    drop(client);
    server.kill()?;
    progress.done("killed the server with SIGKILL");

    let server = Server::start(&places)?;
    let client = server.connect().await?;
    compare(&before, &fingerprints(&client).await?)?;
    progress.done("restarted it: the fingerprints of all tables are what they were");

    backup(&client, &places, &before).await?;
    progress.done(
        "backed up lineitem with COPY TO Parquet, dropped it, restored it: the fingerprint is what it was",
    );

    errors(&client).await?;
    progress.done("bad input was refused with the right errors");

    drop(client);
    let server = restart(server, &places).await?;
    let client = server.connect().await?;
    compare(&before, &fingerprints(&client).await?)?;
    progress.done("stopped it with SIGTERM and started it again: the fingerprints are what they were");

    drop(client);
    finish(server, &places, arguments.check, &mut progress)
}

fn places(arguments: &Arguments) -> Result<Places> {
    std::fs::create_dir_all(&arguments.directory)
        .map_err(|e| Error::io(format_args!("create {}", arguments.directory.display()), e))?;
    let root = arguments
        .directory
        .canonicalize()
        .map_err(|e| Error::io(format_args!("find {}", arguments.directory.display()), e))?;
    Ok(Places { binary: arguments.server.clone(), root, port: arguments.port })
}

async fn load(client: &Connected, places: &Places, rows: &[(Table, u64)]) -> Result<()> {
    for (table, expected) in rows {
        let started = Instant::now();
        client.run(table.create).await?;
        let path = data::path(&places.files(), table.name);
        let path = quoted(&path.display().to_string());
        client.run(&format!("COPY {} FROM {path} WITH (FORMAT parquet)", table.name)).await?;
        let got = client.value(&format!("SELECT count(*) FROM {}", table.name)).await?;
        if got != expected.to_string() {
            return Err(Error::internal(format!("{} has {got} rows instead of {expected}", table.name)));
        }
        say(&format!(
            "        {:>7.2} s  {:<10}{expected:>10} rows",
            started.elapsed().as_secs_f64(),
            table.name
        ));
    }
    Ok(())
}

async fn queries(client: &Connected, places: &Places, scale: f64) -> Result<()> {
    let shipped = (scale - 1.0).abs() < f64::EPSILON;
    let plain = if shipped { None } else { Some(Plain::load(&places.files())?) };
    let mut times = Vec::new();
    for number in answers::QUERIES {
        let sql = answers::query(number, scale)?;
        let started = Instant::now();
        let got = client.rows(&sql).await.map_err(|e| Error::internal(format!("query {number}: {e}")))?;
        times.push(format!("Q{number} {:.0}", started.elapsed().as_secs_f64() * 1e3));
        let wrong = match &plain {
            None => difference(&answers::shipped(number)?, &got, Tolerance::SHIPPED),
            Some(plain) => difference(&plain.query(&sql).await?, &got, Tolerance::PLAIN),
        };
        if let Some(wrong) = wrong {
            return Err(Error::internal(format!("query {number} gave another answer: {wrong}")));
        }
    }
    let against =
        if shipped { "the answers shipped with tpchgen" } else { "plain DataFusion over the same files" };
    say(&format!("          compared with {against}; milliseconds: {}", times.join(", ")));
    Ok(())
}

async fn writes(client: &Connected) -> Result<()> {
    let before: u64 = number(client, "SELECT count(*) FROM orders").await?;
    client.run("UPDATE lineitem SET l_discount = l_discount + 0.01 WHERE l_orderkey % 10 = 1").await?;
    client
        .run(
            "INSERT INTO nation VALUES (0, 'ALGERIA', 0, 'upserted'), (25, 'NARNIA', 1, 'inserted')
             ON CONFLICT (n_nationkey) DO UPDATE SET n_comment = excluded.n_comment",
        )
        .await?;
    expect(client, "SELECT n_comment FROM nation WHERE n_nationkey = 0", "upserted").await?;
    expect(client, "SELECT count(*) FROM nation", "26").await?;
    let dead: u64 = number(client, "SELECT count(*) FROM orders WHERE o_orderkey % 7 = 3").await?;
    client.run("DELETE FROM orders WHERE o_orderkey % 7 = 3").await?;
    expect(client, "SELECT count(*) FROM orders", &(before - dead).to_string()).await?;
    client.run("BEGIN; DELETE FROM customer; ROLLBACK").await?;
    let customers: u64 = number(client, "SELECT count(*) FROM customer").await?;
    if customers == 0 { Err(Error::internal("a rolled back DELETE deleted rows")) } else { Ok(()) }
}

async fn backup(client: &Connected, places: &Places, before: &[(String, String)]) -> Result<()> {
    let directory = quoted(&format!("{}/", places.files().join("backup").display()));
    client.run(&format!("COPY lineitem TO {directory} WITH (FORMAT parquet, COMPRESSION zstd)")).await?;
    client.run("DROP TABLE lineitem").await?;
    let create = TABLES.iter().find(|t| t.name == "lineitem").map(|t| t.create).unwrap_or_default();
    client.run(create).await?;
    client.run(&format!("COPY lineitem FROM {directory} WITH (FORMAT parquet)")).await?;
    compare(before, &fingerprints(client).await?)
}

/// A string literal.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn errors(client: &Connected) -> Result<()> {
    let cases = [
        ("INSERT INTO region VALUES (0, 'AGAIN', '')", "23505"),
        ("INSERT INTO region VALUES (9, NULL, '')", "23502"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELECT nothing FROM region", "42703"),
        ("SELECT 'x'::integer", "22P02"),
        ("SELECT 2147483647 + 1", "22003"),
        ("COPY region TO '/etc/region.parquet' WITH (FORMAT parquet)", "42501"),
    ];
    for (sql, code) in cases {
        match client.run(sql).await {
            Err(error) if error.message().contains(code) => {}
            Err(error) => {
                return Err(Error::internal(format!("{sql} should fail with {code}, but: {error}")));
            }
            Ok(()) => return Err(Error::internal(format!("{sql} should fail with {code}, but succeeded"))),
        }
    }
    Ok(())
}

/// Content hashes of all tables, by name.
async fn fingerprints(client: &Connected) -> Result<Vec<(String, String)>> {
    let rows = client.rows("SELECT table_name, fingerprint FROM nyala.tables ORDER BY table_name").await?;
    if rows.len() != TABLES.len() {
        return Err(Error::internal(format!("there are {} tables instead of {}", rows.len(), TABLES.len())));
    }
    rows.into_iter()
        .map(|row| match <[String; 2]>::try_from(row) {
            Ok([table, fingerprint]) => Ok((table, fingerprint)),
            Err(_) => Err(Error::internal("nyala.tables has other columns than asked for")),
        })
        .collect()
}

fn compare(before: &[(String, String)], after: &[(String, String)]) -> Result<()> {
    for ((table, was), (_, is)) in before.iter().zip(after) {
        if was != is {
            return Err(Error::internal(format!("the fingerprint of {table} was {was} and is {is}")));
        }
    }
    Ok(())
}

async fn number(client: &Connected, sql: &str) -> Result<u64> {
    let text = client.value(sql).await?;
    text.parse().map_err(|_| Error::internal(format!("{sql} gave {text} instead of a number")))
}

async fn expect(client: &Connected, sql: &str, value: &str) -> Result<()> {
    let got = client.value(sql).await?;
    if got == value { Ok(()) } else { Err(Error::internal(format!("{sql} gave {got} instead of {value}"))) }
}

async fn restart(server: Server, places: &Places) -> Result<Server> {
    server.stop(places)?;
    Server::start(places)
}

fn finish(mut server: Server, places: &Places, check: bool, progress: &mut Progress) -> Result<()> {
    let (address, id) = (server.address, server.id());
    if check {
        server.stop(places)?;
        progress.done("stopped the server");
    } else {
        server.leave();
        progress.done(&format!("left the server running as process {id}; data in {}", places.root.display()));
    }
    say(&format!("quickstart: all steps passed in {:.1} s", progress.started.elapsed().as_secs_f64()));
    if !check {
        say(&format!("connect with: psql -h {} -p {} -U postgres -d postgres", address.ip(), address.port()));
        say("another ./quickstart stops this server and begins with an empty database");
    }
    Ok(())
}
