//! What a batch holds, what its rows need, and batches that hold no more than that.
//!
//! A slice of a batch holds the memory of the whole, and so does a text taken out of another array, as text is views of shared
//! buffers. Whoever reserves memory for each of many slices reserves a multiple of what there is. Invariant: rows, their order
//! and types stay the same.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MutableArrayData, StructArray, make_array};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use std::sync::Arc;

type Result<T> = std::result::Result<T, ArrowError>;

/// A batch is copied when it holds so many times the memory that its rows need.
const SHARE: usize = 2;
/// A few bytes are not worth a copy, nor is the rounding of each buffer.
const BYTES_MIN: usize = 4_096;
const VIEW_BYTES: usize = 16;

/// Bytes that are not given back before the batch is.
pub(super) fn held_bytes(batch: &RecordBatch) -> usize {
    get_record_batch_memory_size(batch)
}

/// Bytes of the rows alone.
pub(super) fn needed_bytes(batch: &RecordBatch) -> Result<usize> {
    batch.columns().iter().map(|column| array_bytes(column.as_ref())).sum()
}

pub(super) fn array_bytes(array: &dyn Array) -> Result<usize> {
    let nulls = array.nulls().map_or(0, |nulls| nulls.len().div_ceil(8));
    let views = nulls + array.len() * VIEW_BYTES;
    Ok(match array.data_type() {
        DataType::Utf8View => views + array.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => views + array.as_binary_view().total_buffer_bytes_used(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            nulls + (list.len() + 1) * size_of::<i32>() + array_bytes(elements(list).as_ref())?
        }
        DataType::Struct(_) => {
            let fields = array.as_struct().columns().iter().map(|field| array_bytes(field.as_ref()));
            nulls + fields.sum::<Result<usize>>()?
        }
        _ => array.to_data().get_slice_memory_size()?,
    })
}

/// The batch with memory of its own, where it holds a good deal more than it needs.
pub(crate) fn detached(batch: RecordBatch) -> Result<RecordBatch> {
    let needed = needed_bytes(&batch)?;
    if held_bytes(&batch) <= needed.saturating_mul(SHARE).max(BYTES_MIN) {
        return Ok(batch);
    }
    let columns = batch.columns().iter().map(copied).collect::<Result<_>>()?;
    with_columns(&batch, columns)
}

fn with_columns(batch: &RecordBatch, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

/// The elements of the rows of `list`, which may be a part of all that its buffer has.
fn elements(list: &ListArray) -> ArrayRef {
    let first = list.offsets().first().copied().unwrap_or(0).unsigned_abs() as usize;
    let last = list.offsets().last().copied().unwrap_or(0).unsigned_abs() as usize;
    list.values().slice(first, last - first)
}

fn copied(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(bare(array)?.as_string_view().gc()),
        DataType::BinaryView => Arc::new(bare(array)?.as_binary_view().gc()),
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = OffsetBuffer::from_lengths(list.offsets().lengths());
            let values = copied(&elements(list))?;
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, copied_nulls(list.nulls()))?)
        }
        DataType::Struct(fields) => {
            let row = array.as_struct();
            let columns = row.columns().iter().map(copied).collect::<Result<Vec<_>>>()?;
            let nulls = copied_nulls(row.nulls());
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, row.len())?)
        }
        _ => bare(array)?,
    })
}

/// A copy of all but the buffers that views point into.
fn bare(array: &ArrayRef) -> Result<ArrayRef> {
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, array.len());
    copy.try_extend(0, 0, array.len())?;
    Ok(make_array(copy.freeze()))
}

fn copied_nulls(nulls: Option<&NullBuffer>) -> Option<NullBuffer> {
    nulls.map(|nulls| NullBuffer::new(BooleanBuffer::collect_bool(nulls.len(), |row| nulls.is_valid(row))))
}

/// The rows in batches of at most `rows` rows and `bytes` bytes, one row at least, each with memory of its own; handed to `out`.
pub(super) fn cut<E: From<ArrowError>>(
    batch: RecordBatch,
    rows: usize,
    bytes: usize,
    out: &mut impl FnMut(RecordBatch) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let count = batch.num_rows();
    let first = if count > rows {
        rows.max(1)
    } else if count > 1 && needed_bytes(&batch)? > bytes {
        count / 2
    } else {
        return out(detached(batch)?);
    };
    // Halves of halves are as deep as a number of rows has digits; `rows` at a time are cut off in a loop.
    let mut at = 0;
    while at < count {
        let step = first.min(count - at);
        cut(batch.slice(at, step), rows, bytes, out)?;
        at += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{cut, detached, held_bytes, needed_bytes};
    use arrow::array::{ArrayRef, Int64Array, ListArray, StringViewArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field};
    use arrow::error::ArrowError;
    use arrow::record_batch::RecordBatch;
    use std::sync::Arc;

    const ROWS: usize = 3_000;

    /// Long texts, numbers with nulls, rows of both and lists of texts.
    fn batch() -> RecordBatch {
        let texts = (0..ROWS).map(|row| (row % 5 != 0).then(|| "x".repeat(row % 400)));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
        let numbers: ArrayRef =
            Arc::new(Int64Array::from_iter((0..ROWS).map(|row| (row % 3 != 0).then_some(row as i64))));
        let row =
            StructArray::try_from(vec![("a", Arc::clone(&texts)), ("b", Arc::clone(&numbers))]).unwrap();
        let item = Arc::new(Field::new("item", DataType::Utf8View, true));
        let lengths = (0..ROWS / 2).map(|_| 2).chain(std::iter::repeat_n(0, ROWS / 2));
        let list = ListArray::new(item, OffsetBuffer::from_lengths(lengths), Arc::clone(&texts), None);
        let columns: Vec<(&str, ArrayRef)> =
            vec![("t", texts), ("n", numbers), ("r", Arc::new(row)), ("l", Arc::new(list))];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    #[test]
    fn a_slice_is_copied_and_a_whole_is_not() {
        let whole = batch();
        let needed = needed_bytes(&whole).unwrap();
        assert!(needed > ROWS * 400, "{needed}");
        let slice = whole.slice(1_000, 7);
        let small = detached(slice.clone()).unwrap();
        assert_eq!(small, slice);
        assert!(held_bytes(&slice) > needed / 3 && held_bytes(&small) < 40_000, "{}", held_bytes(&small));
    }

    #[test]
    fn pieces_are_the_rows_within_the_bounds() {
        let whole = batch();
        let mut pieces = Vec::new();
        cut(whole.clone(), 1_000, 20_000, &mut |piece| {
            pieces.push(piece);
            Ok::<(), ArrowError>(())
        })
        .unwrap();
        let again = arrow::compute::concat_batches(&whole.schema(), &pieces).unwrap();
        assert_eq!(again, whole);
        for piece in pieces {
            assert!(needed_bytes(&piece).unwrap() <= 20_000);
            assert!(held_bytes(&piece) <= 48_000, "{}", held_bytes(&piece));
        }
    }
}
