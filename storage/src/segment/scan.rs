//! Scans of an open segment: which rows come out, and their columns, in order of ordinals.
//!
//! Columns are decoded in two stages: first those that decide which rows come out, as far as Vortex does not decide it
//! on encoded values; then, of the rows that are left, the others. Must not know which rows are dead or which commit
//! a reader sees: callers say. Nothing is spawned; file reads block the thread that polls.

use super::columns::{BEGIN, END, from_stored, origin_field, stored_fields, timestamp_field};
use super::reader::{Segment, ZONE_ROWS};
use super::vortex::{Chosen, Pushed, RowChoice, RowChooser, RowColumns, push};
use crate::conversion::{converted, converts};
use crate::delete_vector::DeadRows;
use crate::evaluate::{columns_of, evaluate};
use crate::format::Origin;
use crate::predicate::Predicate;
use crate::scan::ScanMetrics;
use crate::sieve::Sieve;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatchOptions, UInt8Array, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs};
use base::{Error, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::{Datum, Form};

/// Most rows decoded in one step: their columns stay in the processor's caches and in memory that is used again.
const STEP_ROWS_MAX: u64 = 65_536;
/// Stored bytes decoded in one step, roughly.
const STEP_BYTES: u64 = 8 << 20;

/// Name of the UInt32 column of ordinals in a scan.
const ORDINAL: &str = "ordinal";

/// A column that a reader wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScanColumn {
    pub(crate) id: ColumnId,
    /// As which it is wanted; a narrower or wider one may be stored.
    pub(crate) form: Form,
    /// Value of all rows of segments written before the column existed.
    pub(crate) missing: Datum,
}

/// What to read of a segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentScan {
    pub(crate) columns: Vec<ScanColumn>,
    /// Columns that `predicate` and `sieve` read and `columns` lacks.
    pub(crate) filter_columns: Vec<ScanColumn>,
    pub(crate) predicate: Option<Predicate>,
    pub(crate) sieve: Option<Arc<dyn Sieve>>,
    /// Ordinals that do not come out.
    pub(crate) excluded: Option<Arc<DeadRows>>,
    /// Ordinals to read; clipped to the segment.
    pub(crate) rows: Range<u32>,
    /// Keeps rows that began at or before it.
    pub(crate) begin_at_most: Option<CommitTs>,
    /// Keeps rows that began after it.
    pub(crate) begin_above: Option<CommitTs>,
    /// Keeps rows that ended after it; for history segments.
    pub(crate) end_above: Option<CommitTs>,
    /// Appends the UInt32 column `ordinal`.
    pub(crate) ordinal: bool,
    /// Appends the UInt64 column `begin`, in history segments `end`, and the UInt8 column `origin`.
    pub(crate) lives: bool,
    /// Most rows of a batch.
    pub(crate) batch_rows: usize,
    /// Decodes no more at once than one zone: for those who read many segments side by side.
    pub(crate) small_steps: bool,
    /// Counts `rows_read`.
    pub(crate) metrics: Arc<ScanMetrics>,
}

impl SegmentScan {
    /// All of some rows, and no column; to be filled in.
    pub(crate) fn of_rows(rows: Range<u32>) -> Self {
        Self {
            columns: Vec::new(),
            filter_columns: Vec::new(),
            predicate: None,
            sieve: None,
            excluded: None,
            rows,
            begin_at_most: None,
            begin_above: None,
            end_above: None,
            ordinal: false,
            lives: false,
            batch_rows: 65_536,
            small_steps: false,
            metrics: Arc::default(),
        }
    }

    /// A column that the predicate or the sieve reads.
    fn read_column(&self, id: ColumnId) -> Result<ScanColumn> {
        let known = self.columns.iter().chain(&self.filter_columns).find(|c| c.id == id);
        known.cloned().ok_or_else(|| Error::internal(format!("column {id} of a predicate is not given")))
    }
}

impl Segment {
    /// Reads rows in order of their ordinals. Batches hold the columns of the scan, then `ordinal`, `begin`, `end` and
    /// `origin` as asked.
    pub(crate) fn scan(self: &Arc<Self>, scan: &SegmentScan) -> BoxStream<'static, Result<RecordBatch>> {
        let work = match Work::new(self, scan) {
            Ok(work) => work,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let step = if scan.small_steps { ZONE_ROWS } else { self.step_rows() };
        let end = scan.rows.end.min(self.rows());
        let state = (Arc::new(work), u64::from(scan.rows.start.min(end)));
        let end = u64::from(end);
        stream::unfold(state, move |(work, start)| async move {
            if start >= end {
                return None;
            }
            let next = (start + 1).next_multiple_of(step).min(end);
            let batches = match work.read(start..next).await {
                Ok(batch) => batch.map_or_else(Vec::new, |batch| sliced(&batch, work.batch_rows)),
                Err(error) => return Some((vec![Err(error)], (work, end))),
            };
            Some((batches, (work, next)))
        })
        .flat_map(stream::iter)
        .boxed()
    }

    fn step_rows(&self) -> u64 {
        let row_bytes = (self.row_bytes() / self.facts().rows.max(1)).max(1);
        (STEP_BYTES / row_bytes).clamp(ZONE_ROWS, STEP_ROWS_MAX).next_multiple_of(ZONE_ROWS)
    }

    /// How a column is stored; None when the segment was written without it.
    pub(crate) fn form(&self, column: ColumnId) -> Option<&Form> {
        self.meta().columns.iter().find(|(id, _)| *id == column).map(|(_, form)| form)
    }
}

/// Cuts a batch into batches of at most `rows` rows, sharing its buffers.
fn sliced(batch: &RecordBatch, rows: usize) -> Vec<Result<RecordBatch>> {
    (0..batch.num_rows())
        .step_by(rows)
        .map(|at| Ok(batch.slice(at, rows.min(batch.num_rows() - at))))
        .collect()
}

/// A prepared scan.
#[derive(Debug)]
struct Work {
    segment: Arc<Segment>,
    chooser: RowChooser,
    early: Option<Early>,
    late: Shape,
    late_reader: RowColumns,
    /// Where the columns that come out are found.
    places: Vec<Place>,
    output: SchemaRef,
    ordinal: bool,
    /// Whether origins come out that the segment does not have.
    unknown_origins: bool,
    excluded: Option<Arc<DeadRows>>,
    batch_rows: usize,
    metrics: Arc<ScanMetrics>,
}

/// Where a column that comes out is found: in the batch of which stage, and at which position.
#[derive(Clone, Copy, Debug)]
enum Place {
    Early(usize),
    Late(usize),
}

/// The columns that decide which rows come out, and how.
#[derive(Debug)]
struct Early {
    shape: Shape,
    reader: RowColumns,
    /// What Vortex does not evaluate of the predicate.
    rest: Option<Predicate>,
    sieve: Option<Arc<dyn Sieve>>,
    /// Where the sieve's columns are in the shape.
    sieve_places: Vec<usize>,
}

impl Work {
    fn new(segment: &Arc<Segment>, scan: &SegmentScan) -> Result<Self> {
        let (pushed, rest) = pushed(segment, scan);
        let early = Early::new(segment, scan, rest)?;
        let early_id = |id| early.as_ref().and_then(|e| e.shape.position(id));
        let mut late_columns: Vec<ScanColumn> = Vec::new();
        let mut places = Vec::with_capacity(scan.columns.len());
        let mut fields: Vec<Field> = Vec::new();
        for column in &scan.columns {
            fields.push(types::array::field(&column.id.to_string(), &column.form));
            let known = late_columns.iter().position(|c| c.id == column.id);
            places.push(match (early_id(column.id), known) {
                (Some(position), _) => Place::Early(position),
                (None, Some(position)) => Place::Late(position),
                (None, None) => {
                    late_columns.push(column.clone());
                    Place::Late(late_columns.len() - 1)
                }
            });
        }
        let late = Shape::new(segment, &late_columns)?;
        let mut stored: Vec<Field> = late.stored.iter().map(|f| f.as_ref().clone()).collect();
        if scan.ordinal {
            fields.push(Field::new(ORDINAL, DataType::UInt32, false));
        }
        if scan.lives {
            let names: &[&str] = if segment.meta().history { &[BEGIN, END] } else { &[BEGIN] };
            stored.extend(names.iter().map(|name| timestamp_field(name)));
            stored.extend(segment.meta().origins.then(origin_field));
            fields.extend(names.iter().map(|name| timestamp_field(name)));
            fields.push(origin_field());
        }
        Ok(Self {
            segment: Arc::clone(segment),
            chooser: segment.row_reader().chooser(&pushed)?,
            early,
            late,
            late_reader: segment.row_reader().columns(Fields::from(stored))?,
            places,
            output: Arc::new(Schema::new(fields)),
            ordinal: scan.ordinal,
            unknown_origins: scan.lives && !segment.meta().origins,
            excluded: scan.excluded.clone().filter(|dead| !dead.is_empty()),
            batch_rows: scan.batch_rows.max(1),
            metrics: Arc::clone(&scan.metrics),
        })
    }

    async fn read(&self, range: Range<u64>) -> Result<Option<RecordBatch>> {
        let choice = self.excluded.as_deref().map_or(RowChoice::All, RowChoice::Except);
        let mut chosen = Chosen::of(range, choice)?;
        self.chooser.prune(&mut chosen).await?;
        self.prune_by_sieve(&mut chosen).await?;
        self.metrics.rows_read.fetch_add(chosen.rows() as u64, Ordering::Relaxed);
        self.chooser.filter(&mut chosen).await?;
        let mut early_columns: Vec<ArrayRef> = Vec::new();
        if let Some(early) = &self.early {
            let batch;
            (batch, chosen) = early.read(chosen).await?;
            early_columns = batch.columns().to_vec();
        }
        let rows = chosen.rows();
        if rows == 0 {
            return Ok(None);
        }
        let mut stored = self.late_reader.read(&chosen).await?.into_iter();
        let late_columns = self.late.arrays(&mut stored, rows)?;
        let mut columns = Vec::with_capacity(self.output.fields().len());
        for place in &self.places {
            let column = match place {
                Place::Early(position) => early_columns.get(*position),
                Place::Late(position) => late_columns.get(*position),
            };
            columns.push(column.cloned().ok_or_else(|| Error::internal("a scanned column is missing"))?);
        }
        if self.ordinal {
            columns.push(Arc::new(UInt32Array::from(chosen.ordinals()?)));
        }
        columns.extend(stored);
        if self.unknown_origins {
            columns.push(Arc::new(UInt8Array::from_value(Origin::Unknown.code(), rows)));
        }
        batch(&self.output, columns, rows).map(Some)
    }

    /// Drops zones by what the sieve knows by now.
    async fn prune_by_sieve(&self, chosen: &mut Chosen) -> Result<()> {
        let sieve = self.early.as_ref().and_then(|early| early.sieve.as_ref());
        let Some(bounds) = sieve.and_then(|sieve| sieve.bounds()) else { return Ok(()) };
        if !self.segment.may_match(&bounds, &[]) {
            *chosen = chosen.none();
            return Ok(());
        }
        let pushed = push(&bounds, &|column| self.segment.form(column));
        self.segment.row_reader().chooser(&pushed)?.prune(chosen).await
    }
}

/// The predicate's part for Vortex, with the limits of time, and the rest.
fn pushed(segment: &Segment, scan: &SegmentScan) -> (Pushed, Option<Predicate>) {
    let form = |column| segment.form(column);
    let mut pushed = scan.predicate.as_ref().map(|p| push(p, &form)).unwrap_or_default();
    let facts = segment.facts();
    if let Some(limit) = scan.begin_at_most.filter(|limit| facts.begin_max > *limit) {
        pushed.at_most(BEGIN, limit.0);
    }
    if let Some(limit) = scan.begin_above.filter(|limit| facts.begin_min <= *limit) {
        pushed.above(BEGIN, limit.0);
    }
    if let Some(limit) = scan.end_above.filter(|limit| segment.meta().history && facts.end_min <= *limit) {
        pushed.above(END, limit.0);
    }
    let rest = std::mem::take(&mut pushed.rest);
    (pushed, (!rest.is_empty()).then_some(Predicate::And(rest)))
}

impl Early {
    /// None when nothing is left to decide on decoded columns.
    fn new(segment: &Segment, scan: &SegmentScan, rest: Option<Predicate>) -> Result<Option<Self>> {
        let mut ids: Vec<ColumnId> = rest.as_ref().map(columns_of).unwrap_or_default().into_iter().collect();
        for id in scan.sieve.as_ref().map(|sieve| sieve.columns()).unwrap_or_default() {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        if rest.is_none() && scan.sieve.is_none() {
            return Ok(None);
        }
        let columns = ids.into_iter().map(|id| scan.read_column(id)).collect::<Result<Vec<_>>>()?;
        let shape = Shape::new(segment, &columns)?;
        let reader = segment.row_reader().columns(shape.stored())?;
        let read = scan.sieve.as_ref().map(|sieve| sieve.columns()).unwrap_or_default();
        let sieve_places = read.iter().filter_map(|id| shape.position(*id)).collect();
        Ok(Some(Self { shape, reader, rest, sieve: scan.sieve.clone(), sieve_places }))
    }

    /// Reads the columns and drops rows by them.
    async fn read(&self, chosen: Chosen) -> Result<(RecordBatch, Chosen)> {
        let stored = self.reader.read(&chosen).await?;
        let mut read = (self.shape.batch(stored, chosen.rows())?, chosen);
        if let Some(rest) = self.rest.as_ref().filter(|_| read.1.rows() > 0) {
            let kept = evaluate(rest, &read.0)?;
            read = narrowed(read, &kept)?;
        }
        if let Some(sieve) = self.sieve.as_ref().filter(|_| read.1.rows() > 0)
            && let Some(kept) = sieve.keep(&self.for_sieve(&read.0)?)?
        {
            read = narrowed(read, &kept)?;
        }
        Ok(read)
    }

    /// The columns that the sieve asked for, without those that only the rest of the predicate reads.
    fn for_sieve(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        rows.project(&self.sieve_places).map_err(|e| Error::internal(format!("choose columns: {e}")))
    }
}

fn narrowed((rows, chosen): (RecordBatch, Chosen), kept: &BooleanArray) -> Result<(RecordBatch, Chosen)> {
    if kept.null_count() == 0 && kept.true_count() == kept.len() {
        return Ok((rows, chosen));
    }
    let chosen = chosen.narrowed(kept)?;
    let rows = filter_record_batch(&rows, kept).map_err(|e| Error::internal(format!("filter rows: {e}")))?;
    Ok((rows, chosen))
}

/// How stored arrays become columns.
#[derive(Debug)]
pub(super) struct Shape {
    /// Each with the form in which the segment holds it, if it does.
    columns: Vec<(ScanColumn, Option<Form>)>,
    /// Whether the segment has the bounds of arrays.
    bounds: bool,
    /// What is read.
    stored: Fields,
    schema: SchemaRef,
}

impl Shape {
    /// `columns` names each column once.
    pub(super) fn new(segment: &Segment, columns: &[ScanColumn]) -> Result<Self> {
        let bounds = segment.meta().bounds;
        let mut shaped = Vec::with_capacity(columns.len());
        let mut stored = Vec::new();
        let mut fields = Vec::with_capacity(columns.len());
        for column in columns {
            let held = segment.form(column.id);
            let reads = |form: &Form| *form == column.form || converts(&form.arrow(), &column.form.arrow());
            if held.is_some_and(|form| !reads(form)) {
                return Err(Error::unsupported(format!("column {} was stored in another form", column.id)));
            }
            if let Some(form) = held {
                stored.extend(stored_fields(column.id, form, bounds)?);
            }
            fields.push(types::array::field(&column.id.to_string(), &column.form));
            shaped.push((column.clone(), held.cloned()));
        }
        Ok(Self {
            columns: shaped,
            bounds,
            stored: Fields::from(stored),
            schema: Arc::new(Schema::new(fields)),
        })
    }

    pub(super) fn stored(&self) -> Fields {
        self.stored.clone()
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn position(&self, id: ColumnId) -> Option<usize> {
        self.columns.iter().position(|(column, _)| column.id == id)
    }

    /// Takes the stored arrays of the columns from `stored`, which has none when there are no rows.
    fn arrays(&self, stored: &mut impl Iterator<Item = ArrayRef>, rows: usize) -> Result<Vec<ArrayRef>> {
        let made = self.columns.iter().map(|(column, held)| match held {
            _ if rows == 0 => Ok(arrow::array::new_empty_array(&column.form.arrow())),
            Some(form) => converted(&from_stored(form, self.bounds, stored)?, &column.form.arrow()),
            None => types::array::repeated(&column.form, &column.missing, rows),
        });
        made.collect()
    }

    pub(super) fn batch(&self, stored: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let columns = self.arrays(&mut stored.into_iter(), rows)?;
        batch(&self.schema, columns, rows)
    }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|e| Error::corruption(format!("stored rows do not fit their columns: {e}")))
}
