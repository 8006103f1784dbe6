//! Results made of rows: streams from the query threads, and rows that are complete already.
//!
//! Invariant: dropping a stream stops the work behind it.

use crate::api::{Execution, TagFor};
use crate::interrupt::{Interrupt, Running};
use crate::lower::{self, QueryContext};
use crate::threads::QueryThreads;
use arrow::array::{ArrayRef, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use sql::bound::{BoundQuery, ColRef, OutputColumn};
use std::sync::Arc;
use tokio::sync::mpsc;
use types::IoSettings;

/// Batches that wait between the query threads and the connection.
const BATCHES_WAITING_MAX: usize = 2;

/// Starts a query; its batches have one column per output column.
pub(crate) async fn query(
    query: &BoundQuery,
    context: &QueryContext,
    running: Option<Running>,
    threads: &QueryThreads,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let columns: Vec<ColRef> = query.output.iter().map(|o| o.col).collect();
    let source = threads.starting_operators(lower::execute(context, &query.rel, &columns)).await?;
    let running = running.ok_or_else(|| Error::internal("a query was started twice"))?;
    Ok(carry(source, running, threads))
}

/// Runs a stream on the query threads and hands its items over. It ends behind the first error, with the statement.
pub(crate) fn carry<T: Send + 'static>(
    source: impl Stream<Item = Result<T>> + Send + Unpin + 'static,
    running: Running,
    threads: &QueryThreads,
) -> BoxStream<'static, Result<T>> {
    let items = ahead(source, &running.interrupt, threads);
    // The statement runs as long as its rows do.
    items
        .map(move |item| {
            let _ = &running;
            item
        })
        .boxed()
}

/// Works a stream off in a task of its own, a little ahead of whoever reads it. A reader learns at once that the
/// statement is to stop, also while the task computes without a pause.
pub(crate) fn ahead<T: Send + 'static>(
    mut source: impl Stream<Item = Result<T>> + Send + Unpin + 'static,
    interrupt: &Interrupt,
    threads: &QueryThreads,
) -> BoxStream<'static, Result<T>> {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let task = threads.spawn_operators(async move {
        while let Some(item) = source.next().await {
            let failed = item.is_err();
            if sender.send(item).await.is_err() || failed {
                return;
            }
        }
    });
    let state = Some((receiver, task, interrupt.clone()));
    futures::stream::unfold(state, |state| async move {
        let (mut receiver, task, interrupt) = state?;
        let next = interrupt.guard(async { receiver.recv().await.transpose() }).await;
        match next {
            Err(error) => Some((Err(error), None)),
            Ok(Some(item)) => Some((Ok(item), Some((receiver, task, interrupt)))),
            // A panic in the task closed the channel; everything else ends well.
            Ok(None) => task.join().await.err().map(|error| (Err(error), None)),
        }
    })
    // Part files are written by several readers of one stream, each of which asks until it ends.
    .fuse()
    .boxed()
}

/// Rows that are there already, with a fixed tag.
pub(crate) fn ready_batches(
    columns: Vec<OutputColumn>,
    batches: Vec<RecordBatch>,
    tag: String,
    io: IoSettings,
) -> Execution {
    let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
    Execution::Rows { columns, rows, tag: TagFor::Fixed(tag), io }
}

/// Texts, which are written alike in all settings.
pub(crate) fn ready(columns: Vec<OutputColumn>, rows: RecordBatch, tag: &str) -> Execution {
    ready_batches(columns, vec![rows], tag.to_owned(), IoSettings::default())
}

/// A batch of text columns from rows of equal length (at least one).
pub(crate) fn text_rows(rows: &[Vec<String>]) -> Result<RecordBatch> {
    let width = rows.first().map_or(0, Vec::len);
    let columns: Vec<ArrayRef> = (0..width)
        .map(|index| {
            let values = rows.iter().map(|row| row.get(index).map(String::as_str));
            Arc::new(StringViewArray::from_iter(values)) as ArrayRef
        })
        .collect();
    let fields: Vec<Field> =
        (0..width).map(|i| Field::new(i.to_string(), DataType::Utf8View, true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(crate::failure::from_arrow)
}
