//! What a segment says about itself: the header in front of the rows and the index behind the keys.
//!
//! Header: magic, version, format tag, version of the key encoding, identity, schema version, columns with their forms.
//! Index: row count, range of begin timestamps, first and last key, per column bounds and content hash, then the fences
//! of the key run.
//! Must not know the format of the rows.

use super::container::{check_version, damaged, newer, segment_path};
use super::writer::{SegmentMeta, WrittenSegment};
use crate::evaluate::ColumnStats;
use crate::format::{
    Reader, Writer, decode_datum, decode_form, decode_key_version, encode_datum, encode_form,
    encode_key_version,
};
use base::id::{ColumnId, CommitTs, DatabaseId, SchemaVersion, SegmentId, TableId};
use base::{Error, Result};

const HEADER_MAGIC: &[u8; 5] = b"NYSEG";
/// Of segments that need no more than it; those without arrays are such.
const HEADER_VERSION_PLAIN: u32 = 2;
const HEADER_VERSION: u32 = 3;
/// Flags. Version 1 knew the first only, version 2 the first two.
const HISTORY: u8 = 1;
const ORIGINS: u8 = 2;
const BOUNDS: u8 = 4;

pub(crate) fn encode_header(meta: &SegmentMeta, format: &str) -> Result<Vec<u8>> {
    let mut out = Writer::new();
    out.raw(HEADER_MAGIC);
    out.u32(if meta.bounds { HEADER_VERSION } else { HEADER_VERSION_PLAIN });
    out.bytes(format.as_bytes());
    encode_key_version(&mut out);
    out.u128(meta.database.0);
    out.u64(meta.segment.0);
    out.u64(meta.table.0);
    out.u32(meta.schema_version.0);
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.u8(flag(meta.history, HISTORY) | flag(meta.origins, ORIGINS) | flag(meta.bounds, BOUNDS));
    let columns =
        u32::try_from(meta.columns.len()).map_err(|_| Error::internal("too many columns in a segment"))?;
    out.u32(columns);
    for (id, form) in &meta.columns {
        out.u32(id.0);
        encode_form(&mut out, form);
    }
    Ok(out.into_bytes())
}

/// Reads the header of the file of `segment`. Its checksum was compared: what is not known was written by somebody
/// who knew more.
pub(crate) fn decode_header(of: SegmentId, bytes: &[u8], format: &str) -> Result<SegmentMeta> {
    let mut reader = Reader::new(bytes);
    if reader.raw(HEADER_MAGIC.len())? != HEADER_MAGIC {
        return Err(damaged(of, "its header does not begin as one"));
    }
    let version = reader.u32()?;
    if !matches!(version, 1 | HEADER_VERSION_PLAIN) {
        check_version(of, "header", version, HEADER_VERSION)?;
    }
    let tag = String::from_utf8_lossy(reader.bytes()?).into_owned();
    if tag != format {
        return Err(newer(of, &format!("rows in format {tag}")));
    }
    decode_key_version(&mut reader, format_args!("segment \"{}\"", segment_path(of)))?;
    let database = DatabaseId(reader.u128()?);
    let segment = SegmentId(reader.u64()?);
    let table = TableId(reader.u64()?);
    let schema_version = SchemaVersion(reader.u32()?);
    let flags = reader.u8()?;
    let known = match version {
        1 => HISTORY,
        HEADER_VERSION_PLAIN => HISTORY | ORIGINS,
        _ => HISTORY | ORIGINS | BOUNDS,
    };
    if flags & !known != 0 {
        return Err(reader.bad("unknown flags"));
    }
    let (history, origins, bounds) = (flags & HISTORY != 0, flags & ORIGINS != 0, flags & BOUNDS != 0);
    let count = reader.u32()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        columns.push((ColumnId(reader.u32()?), decode_form(&mut reader)?));
    }
    reader.finish()?;
    Ok(SegmentMeta { database, segment, table, schema_version, columns, history, origins, bounds })
}

/// The facts of a written segment, with the encoded fences behind them.
pub(crate) fn encode_facts(written: &WrittenSegment, fences: &[u8]) -> Result<Vec<u8>> {
    let mut out = Writer::new();
    out.u64(written.rows);
    out.u64(written.begin_min.0);
    out.u64(written.begin_max.0);
    out.u64(written.end_min.0);
    out.u64(written.end_max.0);
    out.bytes(&written.first_key);
    out.bytes(&written.last_key);
    out.u128(written.timestamps_hash);
    let columns =
        u32::try_from(written.stats.len()).map_err(|_| Error::internal("too many columns in a segment"))?;
    out.u32(columns);
    for (stats, hash) in written.stats.iter().zip(&written.content_hashes) {
        out.u64(stats.null_count);
        for bound in [&stats.min, &stats.max] {
            out.u8(u8::from(bound.is_some()));
            if let Some(bound) = bound {
                encode_datum(&mut out, bound);
            }
        }
        out.u128(*hash);
    }
    out.raw(fences);
    Ok(out.into_bytes())
}

/// Reads the facts; the fences are left in `reader`. `file_bytes` is the length of the file.
pub(crate) fn decode_facts(reader: &mut Reader<'_>, file_bytes: u64) -> Result<WrittenSegment> {
    let rows = reader.u64()?;
    let [begin_min, begin_max, end_min, end_max] =
        [reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?].map(CommitTs);
    let first_key = reader.bytes()?.to_vec();
    let last_key = reader.bytes()?.to_vec();
    let timestamps_hash = reader.u128()?;
    let count = reader.u32()?;
    let mut stats = Vec::new();
    let mut content_hashes = Vec::new();
    for _ in 0..count {
        let null_count = reader.u64()?;
        let mut bound = || Ok(if reader.u8()? == 0 { None } else { Some(decode_datum(reader)?) });
        let (min, max) = (bound()?, bound()?);
        stats.push(ColumnStats { min, max, null_count, rows });
        content_hashes.push(reader.u128()?);
    }
    Ok(WrittenSegment {
        file_bytes,
        rows,
        content_hashes,
        timestamps_hash,
        stats,
        first_key,
        last_key,
        begin_min,
        begin_max,
        end_min,
        end_max,
    })
}
