//! Reads rows: footer, layout, pruning, filter, projection; each over a range of ordinals.
//!
//! Nothing is spawned: futures do their file reads and decoding on the thread that polls them.

use super::cache::{ChunkCache, ChunkKey};
use super::pushdown::Pushed;
use super::{failed, panicked, session};
use crate::delete_vector::DeadRows;
use crate::segment::container::{CheckedFile, Section, damaged};
use ::vortex::array::buffer::BufferHandle;
use ::vortex::array::{MaskFuture, VortexSessionExecute};
use ::vortex::arrow::ArrowSessionExt;
use ::vortex::buffer::{Alignment, BitBuffer, ByteBuffer, ByteBufferMut};
use ::vortex::dtype::FieldName;
use ::vortex::error::{VortexError, VortexResult, vortex_err};
use ::vortex::expr::{BoundExpression, root, select};
use ::vortex::file::{DeserializeStep, Footer, SegmentSpec, VortexFile};
use ::vortex::layout::LayoutReader;
use ::vortex::layout::segments::{SegmentFuture, SegmentId, SegmentSource};
use ::vortex::mask::{AllOr, Mask};
use ::vortex::session::VortexSession;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{Field, Fields};
use base::{Error, Result};
use futures::FutureExt;
use std::fmt;
use std::ops::{BitAnd, Range};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};

/// The alignment of buffers read; no encoding asks for more.
const ALIGNMENT: usize = 256;
/// First read of the footer.
const FOOTER_BYTES: u64 = 64 << 10;

/// The rows of one open segment.
pub(crate) struct RowsReader {
    session: VortexSession,
    reader: Arc<dyn LayoutReader>,
}

impl fmt::Debug for RowsReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsReader").field("rows", &self.reader.row_count()).finish_non_exhaustive()
    }
}

/// Sessions hold registries only; readers share one.
static SESSION: LazyLock<std::result::Result<VortexSession, String>> =
    LazyLock::new(|| session().map_err(|e| e.to_string()));

impl RowsReader {
    /// Reads the footer of the Vortex file in `section`. Chunks read later are kept in `cache`.
    pub(crate) fn open(file: &Arc<CheckedFile>, section: Section, cache: &Arc<ChunkCache>) -> Result<Self> {
        let session = SESSION.as_ref().map_err(|e| Error::internal(e.clone()))?;
        let open = || -> Result<Arc<dyn LayoutReader>> {
            let footer = read_footer(file, section, session)?;
            let source = Arc::new(Source {
                file: Arc::clone(file),
                section,
                chunks: Arc::clone(footer.segment_map()),
                cache: Arc::clone(cache),
            });
            let rows = VortexFile::new(footer, source, session.clone());
            rows.layout_reader().map_err(|e| failed("open rows", &e))
        };
        let reader = std::panic::catch_unwind(AssertUnwindSafe(open))
            .map_err(|p| panicked("open rows", p.as_ref()))??;
        Ok(Self { session: session.clone(), reader })
    }

    pub(crate) fn rows(&self) -> u64 {
        self.reader.row_count()
    }

    /// Prepares to choose the rows that `pushed` keeps.
    pub(crate) fn chooser(&self, pushed: &Pushed) -> Result<RowChooser> {
        let dtype = self.reader.dtype();
        let bind = |e: &::vortex::expr::Expression| e.bind(dtype).and_then(|e| e.optimize_recursive());
        let conjuncts = pushed.conjuncts.iter().map(bind).collect::<VortexResult<Vec<_>>>();
        let conjuncts = conjuncts.map_err(|e| failed("plan a scan", &e))?;
        Ok(RowChooser { reader: Arc::clone(&self.reader), conjuncts })
    }

    /// Prepares to read the stored columns `fields`.
    pub(crate) fn columns(&self, fields: Fields) -> Result<RowColumns> {
        let names: Vec<FieldName> = fields.iter().map(|f| FieldName::from(f.name().as_str())).collect();
        let projection = match names.is_empty() {
            true => None,
            false => {
                let selected = select(names, root()).bind(self.reader.dtype());
                let selected = selected.and_then(|e| e.optimize_recursive());
                Some(selected.map_err(|e| failed("plan a scan", &e))?)
            }
        };
        Ok(RowColumns {
            session: self.session.clone(),
            reader: Arc::clone(&self.reader),
            projection,
            target: Field::new_struct("", fields, false),
        })
    }
}

/// Which rows of a range are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowChoice<'a> {
    All,
    Except(&'a DeadRows),
    /// Strictly increasing ordinals inside the range.
    Only(&'a [u32]),
}

/// A prepared choice of rows, usable for many ranges.
pub(crate) struct RowChooser {
    reader: Arc<dyn LayoutReader>,
    conjuncts: Vec<BoundExpression>,
}

impl fmt::Debug for RowChooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowChooser").field("conjuncts", &self.conjuncts.len()).finish_non_exhaustive()
    }
}

/// Rows chosen out of a range.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    range: Range<u64>,
    mask: Mask,
}

impl Chosen {
    pub(crate) fn of(range: Range<u64>, choice: RowChoice<'_>) -> Result<Self> {
        let mask = mask(&range, choice).map_err(|e| failed("choose rows", &e))?;
        Ok(Self { range, mask })
    }

    pub(crate) fn rows(&self) -> usize {
        self.mask.true_count()
    }

    /// None of the rows.
    pub(crate) fn none(&self) -> Self {
        Self { range: self.range.clone(), mask: Mask::new_false(self.mask.len()) }
    }

    /// Those of the rows chosen for which `kept` is true; it has one value per row chosen.
    pub(crate) fn narrowed(&self, kept: &BooleanArray) -> Result<Self> {
        if kept.len() != self.rows() {
            return Err(Error::internal("a choice among another number of rows"));
        }
        let kept = match kept.nulls() {
            Some(valid) => kept.values() & valid.inner(),
            None => kept.values().clone(),
        };
        let kept = Mask::from_buffer(BitBuffer::from(kept));
        Ok(Self { range: self.range.clone(), mask: self.mask.intersect_by_rank(&kept) })
    }

    pub(crate) fn ordinals(&self) -> Result<Vec<u32>> {
        true_ordinals(&self.range, &self.mask).map_err(|e| failed("number rows", &e))
    }
}

impl RowChooser {
    /// Drops rows of zones that cannot hold a row to keep, by their bounds. Must be polled on one thread at a time;
    /// blocks in file reads.
    pub(crate) async fn prune(&self, chosen: &mut Chosen) -> Result<()> {
        let work = async {
            let mut mask = chosen.mask.clone();
            for conjunct in &self.conjuncts {
                if mask.all_false() {
                    break;
                }
                let kept = self.reader.pruning_evaluation(&chosen.range, conjunct, mask.clone())?.await?;
                mask = mask.bitand(&kept);
            }
            Ok(mask)
        };
        chosen.mask = guarded(work).await?;
        Ok(())
    }

    /// Drops the rows that are not to be kept. As `prune`.
    pub(crate) async fn filter(&self, chosen: &mut Chosen) -> Result<()> {
        let work = async {
            let mut mask = chosen.mask.clone();
            for conjunct in &self.conjuncts {
                if mask.all_false() {
                    break;
                }
                mask =
                    self.reader.filter_evaluation(&chosen.range, conjunct, MaskFuture::ready(mask))?.await?;
            }
            Ok(mask)
        };
        chosen.mask = guarded(work).await?;
        Ok(())
    }
}

/// Prepared columns, usable for many ranges.
pub(crate) struct RowColumns {
    session: VortexSession,
    reader: Arc<dyn LayoutReader>,
    /// None when there are no columns.
    projection: Option<BoundExpression>,
    target: Field,
}

impl fmt::Debug for RowColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowColumns").field("target", &self.target).finish_non_exhaustive()
    }
}

impl RowColumns {
    /// The arrays of the rows chosen; none when no row is. Must be polled on one thread at a time; blocks in file
    /// reads.
    pub(crate) async fn read(&self, chosen: &Chosen) -> Result<Vec<ArrayRef>> {
        let rows = chosen.rows();
        let Some(projection) = self.projection.as_ref().filter(|_| rows > 0) else {
            return Ok(Vec::new());
        };
        guarded(async {
            let mask = MaskFuture::ready(chosen.mask.clone());
            let array = self.reader.projection_evaluation(&chosen.range, projection, mask)?.await?;
            if array.len() != rows {
                return Err(vortex_err!("{} rows instead of {rows}", array.len()));
            }
            let mut ctx = self.session.create_execution_ctx();
            let arrow = self.session.arrow().execute_arrow(array, Some(&self.target), &mut ctx)?;
            let arrow = arrow.as_struct_opt().ok_or_else(|| vortex_err!("rows are not a struct"))?;
            Ok(arrow.columns().to_vec())
        })
        .await
    }
}

/// Turns failures and panics of Vortex into errors.
async fn guarded<T>(work: impl Future<Output = VortexResult<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome.map_err(|e| cause(&e)),
        Err(payload) => Err(panicked("read rows", payload.as_ref())),
    }
}

fn mask(range: &Range<u64>, choice: RowChoice<'_>) -> VortexResult<Mask> {
    let len = usize::try_from(range.end.saturating_sub(range.start))?;
    let start = u32::try_from(range.start)?;
    let relative = |ordinal: u32| usize::try_from(ordinal.saturating_sub(start)).unwrap_or(usize::MAX);
    Ok(match choice {
        RowChoice::All => Mask::new_true(len),
        RowChoice::Except(dead) => dead
            .living(range.clone())
            .map_or_else(|| Mask::new_true(len), |bits| Mask::from_buffer(bits.into())),
        RowChoice::Only(ordinals) => Mask::from_indices(len, ordinals.iter().copied().map(relative)),
    })
}

fn true_ordinals(range: &Range<u64>, mask: &Mask) -> VortexResult<Vec<u32>> {
    let start = u32::try_from(range.start)?;
    let absolute = |index: usize| u32::try_from(index).ok().and_then(|i| start.checked_add(i));
    let all: Option<Vec<u32>> = match mask.indices() {
        AllOr::All => (0..mask.len()).map(absolute).collect(),
        AllOr::None => Some(Vec::new()),
        AllOr::Some(indices) => indices.iter().copied().map(absolute).collect(),
    };
    all.ok_or_else(|| vortex_err!("an ordinal is too large"))
}

fn read_footer(file: &CheckedFile, section: Section, session: &VortexSession) -> Result<Footer> {
    let bad = |e: VortexError| failed("read the footer of rows", &e);
    let first = section.len.min(FOOTER_BYTES);
    let tail = aligned(file, section.offset + (section.len - first), first, 1)?;
    let mut footer = Footer::deserializer(tail, session.clone()).with_size(section.len);
    loop {
        match footer.deserialize().map_err(bad)? {
            DeserializeStep::Done(footer) => return Ok(footer),
            DeserializeStep::NeedFileSize => return Err(damaged(file.segment(), "its rows have no size")),
            DeserializeStep::NeedMoreData { offset, len } => {
                let inside = offset.checked_add(len as u64).is_some_and(|end| end <= section.len);
                if !inside {
                    return Err(damaged(file.segment(), "the footer of its rows lies outside"));
                }
                footer.prefix_data(aligned(file, section.offset + offset, len as u64, 1)?);
            }
        }
    }
}

/// Verified bytes in an aligned buffer.
fn aligned(file: &CheckedFile, offset: u64, len: u64, alignment: usize) -> Result<ByteBuffer> {
    let too_large = |_| damaged(file.segment(), "a part is too large");
    let range = file.covering(offset, len)?;
    let size = usize::try_from(range.end - range.start).map_err(too_large)?;
    let mut buffer = ByteBufferMut::zeroed_aligned(size, Alignment::new(ALIGNMENT.max(alignment)));
    file.read_covering(&range, buffer.as_mut_slice())?;
    let start = usize::try_from(offset - range.start).map_err(too_large)?;
    let end = start + usize::try_from(len).map_err(too_large)?;
    let (read, alignment) = (buffer.freeze(), Alignment::new(alignment));
    // A small part must not hold on to the blocks around it.
    if end - start < read.len() / 2 {
        let part =
            read.as_slice().get(start..end).ok_or_else(|| damaged(file.segment(), "a part is too large"))?;
        return Ok(ByteBuffer::copy_from_aligned(part, alignment));
    }
    // No copy for chunks: the rows begin at a multiple of every alignment, and so does the buffer.
    Ok(read.slice_unaligned(start..end).aligned(alignment))
}

/// Hands chunks of a segment to Vortex.
struct Source {
    file: Arc<CheckedFile>,
    section: Section,
    chunks: Arc<[SegmentSpec]>,
    cache: Arc<ChunkCache>,
}

impl SegmentSource for Source {
    fn request(&self, id: SegmentId) -> SegmentFuture {
        let key = ChunkKey { segment: self.file.segment(), chunk: *id };
        if let Some(bytes) = self.cache.get(key) {
            return std::future::ready(Ok(BufferHandle::new_host(bytes))).boxed();
        }
        let (file, cache) = (Arc::clone(&self.file), Arc::clone(&self.cache));
        let section = self.section;
        let spec = usize::try_from(*id).ok().and_then(|id| self.chunks.get(id)).copied();
        async move {
            let spec = spec.ok_or_else(|| vortex_err!("chunk {id} is missing"))?;
            let len = u64::from(spec.length);
            if spec.offset.checked_add(len).is_none_or(|end| end > section.len) {
                return Err(vortex_err!("chunk {id} lies outside of its rows"));
            }
            let bytes = aligned(&file, section.offset + spec.offset, len, spec.alignment.as_usize())
                .map_err(|e| vortex_err!(External: e))?;
            cache.keep(key, &bytes);
            Ok(BufferHandle::new_host(bytes))
        }
        .boxed()
    }
}

/// Our own error inside Vortex's, or else Vortex's.
fn cause(error: &VortexError) -> Error {
    let mut inner = error;
    loop {
        inner = match inner {
            VortexError::Context(_, deeper) => deeper,
            VortexError::Shared(deeper) => deeper,
            VortexError::External(ours, _) => match ours.downcast_ref::<Error>() {
                Some(ours) => return Error::new(ours.kind(), ours.message()),
                None => return failed("read rows", error),
            },
            _ => return failed("read rows", error),
        };
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future of this module to its end on this thread. It waits only when another thread computes the same thing.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => park(),
        }
    }
}
