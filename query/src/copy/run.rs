//! COPY as a statement: the client or files, in either direction.
//!
//! Invariant: the transaction is lent out for COPY FROM STDIN only; every other COPY is over when this returns.

use crate::api::Execution;
use crate::copy::client::CopyIn;
use crate::copy::files::files_to_read;
use crate::copy::loader::{Target, TextLoader};
use crate::copy::parquet_in::ParquetFile;
use crate::copy::parquet_out::ParquetShape;
use crate::copy::sink::{Encoding, Sink};
use crate::copy::text::Layout;
use crate::copy::text_out::LineWriter;
use crate::dml::TableBatches;
use crate::interrupt::{Interrupt, Running};
use crate::lower::{self, QueryContext};
use crate::session::{Core, ahead, carry};
use base::{Error, Result};
use futures::StreamExt;
use sql::bound::{BoundCopy, BoundQuery, ColRef, CopyDirection, CopyEnd, CopyFormat};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use storage::InsertMode;
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use types::IoSettings;

/// Bytes of a text file read at once.
const PIECE_BYTES: usize = 1 << 20;
/// Converted batches of Parquet that wait to be written.
const BATCHES_WAITING_MAX: usize = 4;

/// Runs a COPY. `own`: the statement is a transaction of its own.
pub(crate) async fn run(
    core: &mut Core,
    copy: &BoundCopy,
    context: &QueryContext,
    own: bool,
    running: &mut Option<Running>,
) -> Result<Execution> {
    match &copy.direction {
        CopyDirection::From { table, columns, domains, defaults, rules, source } => {
            let batches = TableBatches::new(&context.statement.catalog, *table)?;
            let mut target = Target::new(batches, columns, defaults, rules.as_deref(), context)?;
            target.take_domains(domains, context)?;
            match source {
                CopyEnd::Client => from_client(core, target, &copy.format, own, running),
                CopyEnd::Path(path) => {
                    let interrupt = interrupt_of(running.as_ref())?;
                    let rows = from_path(core, target, &copy.format, path, interrupt).await?;
                    Ok(Execution::Command(format!("COPY {rows}")))
                }
            }
        }
        CopyDirection::To { query, target: CopyEnd::Client } => {
            to_client(core, query, &copy.format, context, running).await
        }
        CopyDirection::To { query, target: CopyEnd::Path(path) } => {
            let interrupt = interrupt_of(running.as_ref())?;
            let rows = to_path(core, query, &copy.format, path, context, interrupt).await?;
            Ok(Execution::Command(format!("COPY {rows}")))
        }
    }
}

fn interrupt_of(running: Option<&Running>) -> Result<Interrupt> {
    running.map(|r| r.interrupt.clone()).ok_or_else(|| Error::internal("a statement that does not run"))
}

/// The text layout of a format; None for Parquet.
fn layout(format: &CopyFormat) -> Option<Layout> {
    match format {
        CopyFormat::Text(options) => Some(Layout::Text(options.clone())),
        CopyFormat::Csv(options) => Some(Layout::Csv(options.clone())),
        CopyFormat::Parquet { .. } => None,
    }
}

fn only_files() -> Error {
    Error::unsupported("COPY with FORMAT parquet works with files of the server only")
        .with_hint("name a path below a --copy-root, or use FORMAT csv for data of the client")
}

fn from_client(
    core: &mut Core,
    target: Target,
    format: &CopyFormat,
    own: bool,
    running: &mut Option<Running>,
) -> Result<Execution> {
    let layout = layout(format).ok_or_else(only_files)?;
    let running = running.take().ok_or_else(|| Error::internal("a COPY was started twice"))?;
    let columns = target.columns.len();
    let now = core.transaction.started(core.engine.now_us());
    let io = IoSettings { now: Some(now), ..core.io_settings() };
    let loader = TextLoader::new(target, layout, io, running.interrupt.clone());
    let transaction = core.transaction.lend()?;
    let copy = CopyIn::start(columns, loader, transaction, own, running, &core.engine.shared.threads);
    Ok(Execution::CopyIn(copy))
}

async fn to_client(
    core: &mut Core,
    query: &BoundQuery,
    format: &CopyFormat,
    context: &QueryContext,
    running: &mut Option<Running>,
) -> Result<Execution> {
    let layout = layout(format).ok_or_else(only_files)?;
    let lines = LineWriter::new(layout, &query.output, context.statement.io.clone());
    let columns = output_columns(query);
    let threads = &core.engine.shared.threads;
    let batches = threads.starting_operators(lower::execute(context, &query.rel, &columns)).await?;
    let header = lines.header();
    let has_header = header.is_some();
    let first = futures::stream::iter(header.map(|line| Ok(vec![line.into()])));
    let rest = batches.map(move |batch| lines.payloads(&batch?));
    let running = running.take().ok_or_else(|| Error::internal("a COPY was started twice"))?;
    let rows = carry(first.chain(rest), running, &core.engine.shared.threads);
    Ok(Execution::CopyOut { columns: query.output.len(), header: has_header, rows })
}

fn output_columns(query: &BoundQuery) -> Vec<ColRef> {
    query.output.iter().map(|o| o.col).collect()
}

async fn to_path(
    core: &mut Core,
    query: &BoundQuery,
    format: &CopyFormat,
    path: &str,
    context: &QueryContext,
    interrupt: Interrupt,
) -> Result<u64> {
    let settings = context.statement.io.clone();
    let encoding = match format {
        CopyFormat::Parquet { compression } => {
            Encoding::Parquet(Arc::new(ParquetShape::new(&query.output, *compression, settings)?))
        }
        CopyFormat::Text(options) => Encoding::Lines(
            Arc::new(LineWriter::new(Layout::Text(options.clone()), &query.output, settings)),
            "txt",
        ),
        CopyFormat::Csv(options) => Encoding::Lines(
            Arc::new(LineWriter::new(Layout::Csv(options.clone()), &query.output, settings)),
            "csv",
        ),
    };
    let shared = &core.engine.shared;
    let columns = output_columns(query);
    let planned = lower::execute(context, &query.rel, &columns);
    let batches = ahead(shared.threads.starting_operators(planned).await?, &interrupt, &shared.threads);
    let sink = Sink { encoding, interrupt, threads: shared.threads.clone() };
    sink.write(core.engine.copy_roots(), path, &shared.random, batches).await
}

async fn from_path(
    core: &mut Core,
    target: Target,
    format: &CopyFormat,
    path: &str,
    interrupt: Interrupt,
) -> Result<u64> {
    let files = block_in_place(|| files_to_read(core.engine.copy_roots(), path))?;
    match layout(format) {
        Some(layout) => from_text_files(core, target, &layout, files, interrupt),
        None => from_parquet_files(core, target, files, interrupt).await,
    }
}

fn from_text_files(
    core: &mut Core,
    target: Target,
    layout: &Layout,
    files: Vec<(String, File)>,
    interrupt: Interrupt,
) -> Result<u64> {
    let settings = core.io_settings();
    let transaction = core.transaction.current()?;
    let many = files.len() > 1;
    let mut target = Some(target);
    let mut rows = 0;
    block_in_place(|| {
        for (path, mut file) in files {
            let Some(taken) = target.take() else { return Err(Error::internal("COPY lost its target")) };
            let mut loader = TextLoader::new(taken, layout.clone(), settings.clone(), interrupt.clone());
            let in_file = |error: Error| match error.context().filter(|_| many).map(str::to_owned) {
                Some(place) => error.with_context(format!("{place}, file \"{path}\"")),
                None => error,
            };
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                interrupt.check()?;
                let read =
                    file.read(&mut piece).map_err(|e| Error::io(format_args!("read \"{path}\""), e))?;
                if read == 0 {
                    break;
                }
                loader.push(piece.get(..read).unwrap_or_default(), transaction).map_err(in_file)?;
            }
            rows += loader.finish(transaction).map_err(in_file)?;
            target = Some(loader.into_target());
        }
        Ok(())
    })?;
    Ok(rows)
}

/// One task reads and converts while this one writes.
async fn from_parquet_files(
    core: &mut Core,
    target: Target,
    files: Vec<(String, File)>,
    interrupt: Interrupt,
) -> Result<u64> {
    let columns = (0..target.columns.len()).map(|i| target.column(i).cloned()).collect::<Result<Vec<_>>>()?;
    let settings = core.io_settings();
    let mut opened = Vec::with_capacity(files.len());
    for (path, file) in files {
        opened.push(block_in_place(|| ParquetFile::open(path, file, columns.clone(), settings.clone()))?);
    }
    for file in &opened {
        for name in &file.ignored {
            let message = format!("column \"{name}\" of file \"{}\" is not loaded", file.path());
            core.notice("NOTICE", "00000", message);
        }
    }
    let (sender, mut receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let reader = core.engine.shared.threads.spawn(async move {
        for mut file in opened {
            while let Some((arrays, rows)) = block_in_place(|| file.next())? {
                if sender.send((arrays, rows, file.path().to_owned())).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    });
    let mut loaded = 0;
    while let Some((arrays, rows, path)) = receiver.recv().await {
        interrupt.check()?;
        let transaction = core.transaction.current()?;
        let table = &target.batches.table;
        let outcome = block_in_place(|| {
            let in_file = |e: Error| e.with_context(format!("COPY {}, file \"{path}\"", table.name));
            if let Some((_, error)) =
                arrays.iter().enumerate().find_map(|(place, array)| target.refused(place, array))
            {
                return Err(in_file(error));
            }
            let batch = target.whole_rows(arrays, rows)?;
            let checked = target.rules.as_ref().map_or(Ok(()), |rules| rules.check(table, &batch));
            checked.and_then(|()| transaction.insert(table.id, &batch, InsertMode::Error)).map_err(in_file)
        })?;
        loaded += outcome.inserted;
    }
    reader.join().await??;
    Ok(loaded)
}
