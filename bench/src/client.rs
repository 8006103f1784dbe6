//! A connection to a server, by a client library that is not ours.

use base::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A connected client; its socket is served by a task that ends with it.
pub struct Connected {
    client: Client,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}

impl Connected {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let mut config = Config::new();
        config.host(address.ip().to_string()).port(address.port()).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.map_err(|e| failed("connect", &e))?;
        tokio::spawn(async move {
            // Its failure shows in the client's next call.
            let _ended = connection.await;
        });
        Ok(Self { client })
    }

    /// Rows of the last statement of `sql`, as text; NULL is an empty string.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let messages = self.client.simple_query(sql).await.map_err(|e| failed(sql, &e))?;
        Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect())
                }
                _ => None,
            })
            .collect())
    }

    /// The single value that `sql` yields.
    pub async fn value(&self, sql: &str) -> Result<String> {
        match self.rows(sql).await?.as_slice() {
            [row] if row.len() == 1 => Ok(row.concat()),
            rows => Err(Error::internal(format!("{sql} gave {} rows instead of one value", rows.len()))),
        }
    }

    pub async fn run(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.map_err(|e| failed(sql, &e))
    }
}

fn failed(what: &str, error: &tokio_postgres::Error) -> Error {
    let reason = match error.as_db_error() {
        Some(db) => format!(
            "{} {}{}",
            db.code().code(),
            db.message(),
            db.hint().map(|h| format!(" ({h})")).unwrap_or_default()
        ),
        None => error.to_string(),
    };
    let what: String = what.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    Error::new(ErrorKind::Internal, format!("{what}: {reason}"))
}
