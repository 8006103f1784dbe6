//! The engine: one database with the threads that run queries on it. Makes sessions.
//!
//! Must not know the protocol. Invariant: all sessions of an engine share its database, clock and threads.

use crate::api::SessionStart;
use crate::optimizer::{QueryLimits, QueryRuntime};
use crate::session::{Session, Sessions, TemporarySchemas, drop_leftovers};
use crate::spill::SpillFiles;
use crate::threads::QueryThreads;
use base::clock::{Clock, SystemClock};
use base::fs::FileSystem;
use base::id::Oid;
use base::random::Random;
use base::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// The only database there is.
pub(crate) const DATABASE: &str = "postgres";
/// Its pg_database.oid.
pub(crate) const DATABASE_OID: Oid = Oid(5);

/// One database served to many sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// What all sessions use.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: storage::Database,
    pub(crate) settings: Arc<config::Settings>,
    pub(crate) threads: QueryThreads,
    pub(crate) runtime: Arc<QueryRuntime>,
    pub(crate) spill: Option<SpillFiles>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<Random>,
    pub(crate) sessions: Arc<Sessions>,
    /// When the engine started, in microseconds since 1970-01-01 UTC.
    pub(crate) started_us: i64,
    pub(crate) temporary: TemporarySchemas,
}

impl Engine {
    /// Starts the query threads over an open database; temporary tables that were left in it are dropped. `spill`: an own
    /// place for rows that queries put aside.
    pub fn new(
        database: storage::Database,
        settings: Arc<config::Settings>,
        spill: Option<Arc<dyn FileSystem>>,
    ) -> Result<Self> {
        let random = Arc::new(Random::from_system()?);
        Self::with_seams(database, settings, spill, Arc::new(SystemClock::new()), random)
    }

    /// As `new`, with the clock and randomness that functions like now() and random() use.
    pub fn with_seams(
        database: storage::Database,
        settings: Arc<config::Settings>,
        spill: Option<Arc<dyn FileSystem>>,
        clock: Arc<dyn Clock>,
        random: Arc<Random>,
    ) -> Result<Self> {
        drop_leftovers(&database)?;
        let spill = spill.map(|files| SpillFiles::open(files, settings.query_spill_bytes_max)).transpose()?;
        let limits = QueryLimits {
            memory_bytes_max: settings.query_memory_bytes,
            partitions: settings.query_threads,
            batch_rows: settings.query_batch_rows,
            spill: spill.clone(),
        };
        let shared = Shared {
            temporary: TemporarySchemas::default(),
            threads: QueryThreads::start(settings.query_threads)?,
            runtime: Arc::new(QueryRuntime::new(limits)?),
            spill,
            database,
            settings,
            started_us: i64::try_from(clock.wall_us()).unwrap_or(i64::MAX),
            clock,
            random,
            sessions: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A session for a client. 3D000 for another database than `postgres`; errors of start-up settings as SET's.
    pub fn session(&self, start: SessionStart) -> Result<Session> {
        if start.database != DATABASE {
            let message = format!("database \"{}\" does not exist", start.database);
            return Err(Error::new(ErrorKind::UndefinedDatabase, message));
        }
        Session::start(self.clone(), start)
    }

    /// Bytes that queries have put aside since the start.
    pub fn spilled_bytes(&self) -> u64 {
        self.shared.spill.as_ref().map_or(0, SpillFiles::bytes_written)
    }

    pub fn database(&self) -> &storage::Database {
        &self.shared.database
    }

    pub(crate) fn copy_roots(&self) -> &[PathBuf] {
        &self.shared.settings.copy_roots
    }

    /// Microseconds since 1970-01-01 UTC.
    pub(crate) fn now_us(&self) -> i64 {
        i64::try_from(self.shared.clock.wall_us()).unwrap_or(i64::MAX)
    }
}
