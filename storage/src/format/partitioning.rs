//! How rows are split into tablets, as bytes.

use super::catalog::{decode_columns, encode_columns};
use super::codec::{Reader, Writer};
use super::datum::{decode_datum, encode_data};
use base::Result;
use catalog::{HashLevel, Partitioning, RangeLevel, RangePartition};

pub(super) fn encode_partitioning(writer: &mut Writer, partitioning: &Partitioning) {
    writer.count(partitioning.hash.len());
    for level in &partitioning.hash {
        encode_columns(writer, &level.columns);
        writer.u32(level.buckets);
    }
    writer.bool(partitioning.range.is_some());
    if let Some(range) = &partitioning.range {
        encode_columns(writer, &range.columns);
        writer.count(range.partitions.len());
        for partition in &range.partitions {
            writer.string(&partition.name);
            encode_data(writer, &partition.lower);
            encode_data(writer, &partition.upper);
        }
    }
}

pub(super) fn decode_partitioning(reader: &mut Reader<'_>) -> Result<Partitioning> {
    let hash = reader.list(5, |r| Ok(HashLevel { columns: decode_columns(r)?, buckets: r.u32()? }))?;
    let range = if reader.bool()? {
        let columns = decode_columns(reader)?;
        let partitions = reader.list(3, |r| {
            Ok(RangePartition {
                name: r.string()?,
                lower: r.list(1, decode_datum)?,
                upper: r.list(1, decode_datum)?,
            })
        })?;
        Some(RangeLevel { columns, partitions })
    } else {
        None
    };
    Ok(Partitioning { hash, range })
}
