//! COPY TO a file or a directory of files: written beside, synced, then renamed into place.
//!
//! Must not know queries. Invariant: on any failure what was written beside is removed and the name is untouched.

use crate::copy::files::{Directory, Entry, open_parent};
use crate::copy::parquet_out::{ParquetShape, ParquetWriter};
use crate::copy::text_out::LineWriter;
use crate::interrupt::Interrupt;
use crate::threads::QueryThreads;
use arrow::record_batch::RecordBatch;
use base::random::Random;
use base::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tokio::task::block_in_place;

/// Files of a directory that are written at the same time.
const WRITERS: usize = 2;
/// A part file that has grown beyond this is closed and the next begun.
const PART_BYTES_MAX: u64 = 256 << 20;
const BUFFER_BYTES: usize = 1 << 20;

type Batches = BoxStream<'static, Result<RecordBatch>>;

/// How rows become the bytes of a file.
#[derive(Clone, Debug)]
pub(crate) enum Encoding {
    Lines(Arc<LineWriter>, &'static str),
    Parquet(Arc<ParquetShape>),
}

impl Encoding {
    fn extension(&self) -> &'static str {
        match self {
            Encoding::Lines(_, extension) => extension,
            Encoding::Parquet(_) => "parquet",
        }
    }

    fn open(&self, file: File, path: String) -> Result<PartWriter> {
        Ok(match self {
            Encoding::Lines(lines, _) => {
                let mut part = LinePart {
                    lines: Arc::clone(lines),
                    file: BufWriter::with_capacity(BUFFER_BYTES, file),
                    bytes: 0,
                    path,
                };
                if let Some(header) = lines.header() {
                    part.put(&header)?;
                }
                PartWriter::Lines(part)
            }
            Encoding::Parquet(shape) => PartWriter::Parquet(Box::new(ParquetWriter::new(shape, file, path)?)),
        })
    }
}

/// One file being written. All calls block the thread.
#[derive(Debug)]
enum PartWriter {
    Lines(LinePart),
    Parquet(Box<ParquetWriter>),
}

#[derive(Debug)]
struct LinePart {
    lines: Arc<LineWriter>,
    file: BufWriter<File>,
    bytes: u64,
    path: String,
}

impl LinePart {
    fn put(&mut self, line: &[u8]) -> Result<()> {
        self.bytes += line.len() as u64;
        self.file.write_all(line).map_err(|e| Error::io(format_args!("write \"{}\"", self.path), e))
    }
}

impl PartWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            PartWriter::Lines(part) => {
                let lines = Arc::clone(&part.lines);
                let mut outcome = Ok(());
                lines.lines(batch, |line| {
                    if outcome.is_ok() {
                        outcome = part.put(line);
                    }
                })?;
                outcome
            }
            PartWriter::Parquet(writer) => writer.write(batch),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            PartWriter::Lines(part) => part.bytes,
            PartWriter::Parquet(writer) => writer.bytes(),
        }
    }

    /// Completes the file and makes its bytes durable.
    fn finish(self) -> Result<()> {
        let (file, path) = match self {
            PartWriter::Lines(part) => {
                let file = part
                    .file
                    .into_inner()
                    .map_err(|e| Error::io(format_args!("write \"{}\"", part.path), e.into_error()))?;
                (file, part.path)
            }
            PartWriter::Parquet(writer) => writer.finish()?,
        };
        file.sync_all().map_err(|e| Error::io(format_args!("sync \"{path}\""), e))
    }
}

/// Where and how a COPY TO writes.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) encoding: Encoding,
    pub(crate) interrupt: Interrupt,
    pub(crate) threads: QueryThreads,
}

impl Sink {
    /// Writes all batches to `path`; returns the number of rows.
    pub(crate) async fn write(
        self,
        roots: &[PathBuf],
        path: &str,
        random: &Random,
        batches: Batches,
    ) -> Result<u64> {
        let (parent, name) = block_in_place(|| open_parent(roots, path))?;
        let beside = format!(".{name}.nyala-{:016x}", random.next_u64());
        if path.ends_with('/') {
            self.directory(parent, &name, beside, batches).await
        } else {
            self.file(parent, &name, beside, batches).await
        }
    }

    async fn file(self, parent: Directory, name: &str, beside: String, mut batches: Batches) -> Result<u64> {
        if block_in_place(|| parent.entry(name))? == Entry::Directory {
            let message = format!("\"{}\" is a directory", parent.path_of(name));
            return Err(Error::new(ErrorKind::WrongObjectType, message)
                .with_hint("end the path with / to write a directory of part files"));
        }
        let file = block_in_place(|| parent.create(&beside))?;
        let unfinished = Unfinished { parent: &parent, beside: &beside, is_directory: false };
        let mut writer = self.encoding.open(file, parent.path_of(name))?;
        let mut rows = 0;
        while let Some(batch) = batches.next().await {
            self.interrupt.check()?;
            let batch = batch?;
            rows += batch.num_rows() as u64;
            block_in_place(|| writer.write(&batch))?;
        }
        block_in_place(|| {
            writer.finish()?;
            parent.rename(&beside, name)?;
            unfinished.keep();
            parent.sync()
        })?;
        Ok(rows)
    }

    async fn directory(self, parent: Directory, name: &str, beside: String, batches: Batches) -> Result<u64> {
        block_in_place(|| check_free(&parent, name))?;
        let parts = Arc::new(block_in_place(|| parent.create_directory(&beside))?);
        let unfinished = Unfinished { parent: &parent, beside: &beside, is_directory: true };
        let shared = Arc::new(Parts {
            directory: Arc::clone(&parts),
            batches: Mutex::new(batches),
            next: AtomicU64::new(0),
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (shared, encoding, interrupt) =
                    (Arc::clone(&shared), self.encoding.clone(), self.interrupt.clone());
                self.threads.spawn(async move { shared.write(&encoding, &interrupt).await })
            })
            .collect();
        let outcomes = futures::future::join_all(writers.into_iter().map(crate::threads::Task::join)).await;
        let mut rows = 0;
        for outcome in outcomes {
            rows += outcome??;
        }
        block_in_place(|| {
            if shared.next.load(Ordering::SeqCst) == 0 {
                // No row at all: one file that says which columns there are.
                shared.open(&self.encoding)?.finish()?;
            }
            parts.sync()?;
            parent.rename(&beside, name)?;
            unfinished.keep();
            parent.sync()
        })?;
        Ok(rows)
    }
}

/// A directory may be written when it does not exist or is empty.
fn check_free(parent: &Directory, name: &str) -> Result<()> {
    let path = parent.path_of(name);
    match parent.entry(name)? {
        Entry::Missing => Ok(()),
        Entry::File => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{path}\" is not a directory"))),
        Entry::Directory if parent.directory(name)?.names()?.is_empty() => Ok(()),
        Entry::Directory => {
            Err(Error::new(ErrorKind::DuplicateObject, format!("directory \"{path}\" is not empty"))
                .with_hint("remove its files or name another directory"))
        }
    }
}

/// What the writers of a directory share.
struct Parts {
    directory: Arc<Directory>,
    /// Held while the next batch is awaited only.
    batches: Mutex<Batches>,
    next: AtomicU64,
}

impl Parts {
    async fn write(&self, encoding: &Encoding, interrupt: &Interrupt) -> Result<u64> {
        let mut rows = 0;
        let mut writer: Option<PartWriter> = None;
        loop {
            let batch = interrupt.guard(async { self.batches.lock().await.next().await.transpose() }).await?;
            let Some(batch) = batch else { break };
            rows += batch.num_rows() as u64;
            block_in_place(|| -> Result<()> {
                let mut part = match writer.take() {
                    Some(part) => part,
                    None => self.open(encoding)?,
                };
                part.write(&batch)?;
                if part.bytes() >= PART_BYTES_MAX {
                    part.finish()?;
                } else {
                    writer = Some(part);
                }
                Ok(())
            })?;
        }
        if let Some(part) = writer {
            block_in_place(|| part.finish())?;
        }
        Ok(rows)
    }

    fn open(&self, encoding: &Encoding) -> Result<PartWriter> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let name = format!("part-{number:05}.{}", encoding.extension());
        let file = self.directory.create(&name)?;
        encoding.open(file, self.directory.path_of(&name))
    }
}

/// Removes what was written beside, unless it was renamed into place.
struct Unfinished<'a> {
    parent: &'a Directory,
    beside: &'a str,
    is_directory: bool,
}

impl Unfinished<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }

    fn remove(&self) -> Result<()> {
        if !self.is_directory {
            return self.parent.remove_file(self.beside);
        }
        let directory = self.parent.directory(self.beside)?;
        for name in directory.names()? {
            directory.remove_file(&name)?;
        }
        self.parent.remove_directory(self.beside)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // The failure that brought us here is what the client hears of; a file left behind is hidden and harmless.
        let _ = self.remove();
    }
}
