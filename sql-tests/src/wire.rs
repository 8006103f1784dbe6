//! A real server on a loopback port and a client library that is not ours.

use crate::database::TestDatabase;
use crate::embedded::{Answer, output, shown};
use crate::failure::Failure;
use base::Result;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A server in this process. It stops when dropped.
#[derive(Debug)]
pub struct TestServer {
    pub database: TestDatabase,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<Result<()>>>,
}

impl TestServer {
    /// Needs a multi-threaded tokio runtime.
    pub async fn start() -> Result<Self> {
        let database = TestDatabase::create()?;
        let settings = Arc::new(database.settings()?);
        let (stop, stopped) = watch::channel(false);
        let listening = server::listen(&settings).await?;
        let address = listening.address;
        let engine = database.engine()?.clone();
        let running = tokio::spawn(server::run(settings, engine, listening, stopped));
        Ok(Self { database, address, stop, running: Some(running) })
    }

    /// Ends all sessions and waits for them.
    pub async fn stop(&mut self) -> Result<()> {
        // Nobody listens when the server has ended already.
        let _ended = self.stop.send(true);
        match self.running.take() {
            Some(running) => {
                running.await.map_err(|e| base::Error::internal(format!("the server panicked: {e}")))?
            }
            None => Ok(()),
        }
    }

    pub async fn client(&self) -> std::result::Result<Client, Failure> {
        let mut config = Config::new();
        config
            .host(self.address.ip().to_string())
            .port(self.address.port())
            .user("postgres")
            .dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.map_err(|e| failure(&e))?;
        tokio::spawn(async move {
            // Its failure shows in the client's next call.
            let _ended = connection.await;
        });
        Ok(client)
    }
}

/// A client of a server of its own.
pub struct Wire {
    server: TestServer,
    client: Client,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Wire {
    pub async fn start() -> std::result::Result<Self, Failure> {
        let server = TestServer::start().await?;
        let client = server.client().await?;
        Ok(Self { server, client })
    }
}

/// The last answer to a string of statements.
pub(crate) fn answer(messages: &[SimpleQueryMessage]) -> Answer {
    let mut answer = Answer::default();
    let mut done = false;
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                answer = Answer { columns: Some(columns.len()), ..Answer::default() };
                done = false;
            }
            SimpleQueryMessage::Row(row) => {
                answer
                    .rows
                    .push((0..row.len()).map(|i| row.get(i).map_or("NULL".to_owned(), shown)).collect());
            }
            SimpleQueryMessage::CommandComplete(changed) => {
                if done || answer.columns.is_none() {
                    answer = Answer { changed: *changed, ..Answer::default() };
                }
                done = true;
            }
            _ => {}
        }
    }
    answer
}

/// What the server answered, or why there was no answer.
pub fn failure(error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(db) => Failure::new(db.code().code(), db.message()),
        None => Failure::new("", error.to_string()),
    }
}

#[async_trait::async_trait]
impl AsyncDB for Wire {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> std::result::Result<DBOutput<DefaultColumnType>, Failure> {
        let sql = sql.replace("$FILES", &self.server.database.files().to_string_lossy());
        let messages = self.client.simple_query(&sql).await.map_err(|e| failure(&e))?;
        Ok(output(answer(&messages)))
    }

    async fn shutdown(&mut self) {
        // A server that cannot stop shows in the next test of the process.
        let _ignored = self.server.stop().await;
    }

    fn engine_name(&self) -> &str {
        "wire"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.code.clone())
    }
}
