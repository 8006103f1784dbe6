//! Streams stored batches through Vortex's writer into a container.

use super::{failed, panicked, session};
use crate::segment::container::ContainerWriter;
use ::vortex::array::stream::ArrayStreamAdapter;
use ::vortex::arrow::ArrowSessionExt;
use ::vortex::compressor::BtrBlocksCompressorBuilder;
use ::vortex::error::{VortexError, vortex_err};
use ::vortex::file::{WriteOptionsSessionExt, WriteStrategyBuilder};
use ::vortex::io::runtime::BlockingRuntime;
use ::vortex::io::runtime::current::CurrentThreadRuntime;
use ::vortex::io::session::RuntimeSessionExt;
use ::vortex::io::{IoBuf, VortexWrite};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// Why the writer stopped, when it was not Vortex's own doing.
type Cause = Arc<Mutex<Option<Error>>>;

/// Appends all `batches` to `container` as one Vortex file; smaller for more work when `compact`. Blocks; all work runs
/// on the calling thread.
pub(crate) fn write_rows(
    container: ContainerWriter,
    schema: &SchemaRef,
    compact: bool,
    batches: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
) -> Result<ContainerWriter> {
    let runtime = CurrentThreadRuntime::new();
    let session = session()?.with_handle(runtime.handle());
    let cause = Cause::default();
    let dtype = session.arrow().from_arrow_schema(schema).map_err(|e| failed("map the columns", &e))?;
    let importer = session.clone();
    let schema = Arc::clone(schema);
    let import_cause = Arc::clone(&cause);
    let arrays = batches.map(move |batch| match batch {
        Ok(batch) => importer.arrow().from_arrow_record_batch(batch, &schema),
        Err(error) => Err(stop(&import_cause, error)),
    });
    let stream = ArrayStreamAdapter::new(dtype, futures::stream::iter(arrays));
    let mut sink = Sink { container, cause: Arc::clone(&cause) };
    let mut options = session.write_options();
    if compact {
        let compressor = BtrBlocksCompressorBuilder::from_session(&session).with_compact();
        let strategy = WriteStrategyBuilder::from_session(&session).with_btrblocks_builder(compressor);
        options = options.with_strategy(strategy.build());
    }
    let write = || runtime.block_on(options.write(&mut sink, stream));
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(write));
    if let Some(error) = cause.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    match outcome {
        Ok(Ok(_)) => Ok(sink.container),
        Ok(Err(error)) => Err(failed("encode rows", &error)),
        Err(payload) => Err(panicked("encode rows", payload.as_ref())),
    }
}

fn stop(cause: &Cause, error: Error) -> VortexError {
    cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    vortex_err!("stopped")
}

#[derive(Debug)]
struct Sink {
    container: ContainerWriter,
    cause: Cause,
}

impl VortexWrite for &mut Sink {
    fn write_all<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = std::io::Result<B>> + Send {
        let written = self.container.append(buffer.as_slice()).map_err(|error| {
            self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            std::io::Error::other("stopped")
        });
        std::future::ready(written.map(|()| buffer))
    }

    fn flush(&mut self) -> impl Future<Output = std::io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    fn shutdown(&mut self) -> impl Future<Output = std::io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}
