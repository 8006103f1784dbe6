//! What a checkpoint holds: the state of a database at one log position, as values and as bytes.
//!
//! Must not know files. Invariant: an image that was encoded decodes to an equal one.

use super::catalog::{
    decode_schema, decode_state, encode_schema, encode_state, encode_table, table_decoder, view_decoder,
};
use super::codec::{Reader, Writer};
use super::function::{FUNCTIONS_SINCE, decode_function, encode_function};
use super::header::FileHeader;
use super::key_version::{decode_key_version, encode_key_version};
use super::materialized::{decode_materialized_of, encode_materialized_of};
use super::origin::Origin;
use super::record::{CountersRecord, Lives, decode_counters, decode_lives, encode_counters, encode_lives};
use super::sequence::{decode_sequence, encode_sequence};
use super::view::encode_view;
use crate::log::LogPosition;
use base::Result;
use base::id::{
    CommitTs, DatabaseId, Epoch, LogSeq, MemtableId, Oid, ReferenceId, SchemaId, SchemaVersion, SegmentId,
    SequenceId, TableId, TabletId, ViewId,
};
use bytes::Bytes;
use catalog::{CatalogState, FunctionDef, MaterializedDef, SchemaDef, SequenceDef, TableDef, ViewDef};

/// The state of a database at one log position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckpointImage {
    pub(crate) database: DatabaseId,
    /// Of the process that wrote the checkpoint.
    pub(crate) epoch: Epoch,
    /// The first record that is not part of the state.
    pub(crate) log: LogPosition,
    pub(crate) last_commit: CommitTs,
    pub(crate) next_ids: NextIds,
    pub(crate) catalog: CatalogState,
    pub(crate) past: PastImage,
    /// Behind the last value that may have been given out.
    pub(crate) counters: CountersRecord,
    /// Those of dropped tables and partitions too, as long as they can be read.
    pub(crate) tablets: Vec<TabletImage>,
}

/// Definitions over time.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct PastImage {
    /// Since when the current definitions of tables and of schemas count.
    pub(crate) tables_since: Vec<(TableId, CommitTs)>,
    pub(crate) schemas_since: Vec<(SchemaId, CommitTs)>,
    /// Definitions that count no more.
    pub(crate) tables: Vec<RetiredImage<TableDef>>,
    pub(crate) schemas: Vec<RetiredImage<SchemaDef>>,
    pub(crate) sequences_since: Vec<(SequenceId, CommitTs)>,
    pub(crate) sequences: Vec<RetiredImage<SequenceDef>>,
    pub(crate) views_since: Vec<(ViewId, CommitTs)>,
    pub(crate) views: Vec<RetiredImage<ViewDef>>,
    pub(crate) materialized_since: Vec<(TableId, CommitTs)>,
    pub(crate) materialized: Vec<RetiredImage<(TableId, MaterializedDef)>>,
    pub(crate) functions_since: Vec<(Oid, CommitTs)>,
    pub(crate) functions: Vec<RetiredImage<FunctionDef>>,
    /// Running time of the server, in microseconds, and the newest commit at some moments of it, oldest first.
    pub(crate) uptime_us: u64,
    pub(crate) samples: Vec<(u64, CommitTs)>,
}

/// A definition that counted from one time to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RetiredImage<T> {
    pub(crate) def: T,
    pub(crate) from: CommitTs,
    pub(crate) until: CommitTs,
}

/// The first ids that were never handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct NextIds {
    pub(crate) segment: u64,
    pub(crate) reference: u64,
    pub(crate) memtable: u64,
    pub(crate) pack: u64,
}

/// One tablet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TabletImage {
    pub(crate) table: TableId,
    pub(crate) tablet: TabletId,
    /// The next hidden row id; 0 for a table with a key.
    pub(crate) next_row_id: u64,
    /// Rows that ended at this time or before it may be gone.
    pub(crate) oldest: CommitTs,
    /// When the tablet was dropped; `CommitTs::MAX` while it is in use.
    pub(crate) dropped: CommitTs,
    pub(crate) references: Vec<ReferenceImage>,
    /// Oldest first.
    pub(crate) memtables: Vec<MemtableImage>,
}

/// One reference to a segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReferenceImage {
    pub(crate) reference: ReferenceId,
    pub(crate) segment: SegmentId,
    pub(crate) file_bytes: u64,
    pub(crate) rows: u32,
    pub(crate) content_hash: u64,
    pub(crate) attach_ts: CommitTs,
    /// `CommitTs::MAX` while attached.
    pub(crate) detach_ts: CommitTs,
    /// None in checkpoints of format 1.
    pub(crate) lives: Option<Lives>,
    /// `None` while no row is dead.
    pub(crate) deletes: Option<DeletePlace>,
}

/// Where a delete vector stands in a pack file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeletePlace {
    pub(crate) pack: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
}

/// One memtable generation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemtableImage {
    pub(crate) memtable: MemtableId,
    /// In order of append number, from 0, without gaps.
    pub(crate) rows: Vec<MemtableRow>,
}

/// One row version in a memtable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemtableRow {
    pub(crate) schema_version: SchemaVersion,
    pub(crate) begin_ts: CommitTs,
    /// `CommitTs::MAX` while it lives.
    pub(crate) end_ts: CommitTs,
    pub(crate) key: Vec<u8>,
    /// In the row codec.
    pub(crate) row: Bytes,
    /// Unknown in checkpoints before format 3.
    pub(crate) origin: Origin,
}

pub(super) fn encode_image(writer: &mut Writer, image: &CheckpointImage) {
    encode_key_version(writer);
    writer.varint(image.log.file);
    writer.varint(image.log.next.0);
    writer.u64(image.last_commit.0);
    let next = &image.next_ids;
    for id in [next.segment, next.reference, next.memtable, next.pack] {
        writer.varint(id);
    }
    encode_state(writer, &image.catalog);
    encode_past(writer, &image.past);
    encode_counters(writer, &image.counters);
    writer.count(image.tablets.len());
    for tablet in &image.tablets {
        writer.varint(tablet.table.0);
        writer.varint(tablet.tablet.0);
        writer.varint(tablet.next_row_id);
        writer.u64(tablet.oldest.0);
        writer.u64(tablet.dropped.0);
        writer.count(tablet.references.len());
        for reference in &tablet.references {
            encode_reference(writer, reference);
        }
        writer.count(tablet.memtables.len());
        for memtable in &tablet.memtables {
            encode_memtable(writer, memtable);
        }
    }
}

pub(super) fn decode_image(
    header: &FileHeader,
    version: u32,
    body: &[u8],
    path: &str,
) -> Result<CheckpointImage> {
    let mut reader = Reader::new(body);
    let r = &mut reader;
    decode_key_version(r, format_args!("checkpoint \"{path}\""))?;
    let log = LogPosition { file: r.varint()?, next: LogSeq(r.varint()?) };
    let last_commit = CommitTs(r.u64()?);
    let image = CheckpointImage {
        database: header.database,
        epoch: header.epoch,
        log,
        last_commit,
        next_ids: NextIds {
            segment: r.varint()?,
            reference: r.varint()?,
            memtable: r.varint()?,
            pack: r.varint()?,
        },
        catalog: decode_state(r, version)?,
        past: if version == 1 { PastImage::default() } else { decode_past(r, version)? },
        counters: if version < 3 { Vec::new() } else { decode_counters(r)? },
        tablets: r.list(5, |r| {
            Ok(TabletImage {
                table: TableId(r.varint()?),
                tablet: TabletId(r.varint()?),
                next_row_id: r.varint()?,
                // Format 1 kept no history.
                oldest: if version == 1 { last_commit } else { CommitTs(r.u64()?) },
                dropped: if version == 1 { CommitTs::MAX } else { CommitTs(r.u64()?) },
                references: r.list(29, |r| decode_reference(r, version))?,
                memtables: r.list(2, |r| decode_memtable(r, version))?,
            })
        })?,
    };
    reader.finish()?;
    Ok(image)
}

fn encode_past(writer: &mut Writer, past: &PastImage) {
    encode_since(writer, past.tables_since.iter().map(|(id, ts)| (id.0, *ts)));
    encode_since(writer, past.schemas_since.iter().map(|(id, ts)| (id.0, *ts)));
    encode_retired(writer, &past.tables, encode_table);
    encode_retired(writer, &past.schemas, encode_schema);
    writer.varint(past.uptime_us);
    encode_since(writer, past.samples.iter().copied());
    encode_since(writer, past.sequences_since.iter().map(|(id, ts)| (id.0, *ts)));
    encode_retired(writer, &past.sequences, encode_sequence);
    encode_since(writer, past.views_since.iter().map(|(id, ts)| (id.0, *ts)));
    encode_retired(writer, &past.views, encode_view);
    encode_since(writer, past.materialized_since.iter().map(|(id, ts)| (id.0, *ts)));
    encode_retired(writer, &past.materialized, encode_materialized_of);
    encode_since(writer, past.functions_since.iter().map(|(oid, ts)| (u64::from(oid.0), *ts)));
    encode_retired(writer, &past.functions, encode_function);
}

fn decode_past(r: &mut Reader<'_>, version: u32) -> Result<PastImage> {
    let mut past = PastImage {
        tables_since: decode_since(r)?.into_iter().map(|(id, ts)| (TableId(id), ts)).collect(),
        schemas_since: decode_since(r)?.into_iter().map(|(id, ts)| (SchemaId(id), ts)).collect(),
        tables: decode_retired(r, table_decoder(version))?,
        schemas: decode_retired(r, decode_schema)?,
        uptime_us: r.varint()?,
        samples: decode_since(r)?,
        ..PastImage::default()
    };
    if version > 2 {
        past.sequences_since = decode_since(r)?.into_iter().map(|(id, ts)| (SequenceId(id), ts)).collect();
        past.sequences = decode_retired(r, decode_sequence)?;
        past.views_since = decode_since(r)?.into_iter().map(|(id, ts)| (ViewId(id), ts)).collect();
        past.views = decode_retired(r, view_decoder(version))?;
    }
    if version > 9 {
        past.materialized_since = decode_since(r)?.into_iter().map(|(id, ts)| (TableId(id), ts)).collect();
        past.materialized = decode_retired(r, decode_materialized_of)?;
    }
    if version >= FUNCTIONS_SINCE {
        for (number, ts) in decode_since(r)? {
            let oid = u32::try_from(number).map_err(|_| r.bad("an OID of more than 32 bits"))?;
            past.functions_since.push((Oid(oid), ts));
        }
        past.functions = decode_retired(r, decode_function)?;
    }
    Ok(past)
}

fn encode_since(writer: &mut Writer, pairs: impl ExactSizeIterator<Item = (u64, CommitTs)>) {
    writer.count(pairs.len());
    for (number, ts) in pairs {
        writer.varint(number);
        writer.u64(ts.0);
    }
}

fn decode_since(r: &mut Reader<'_>) -> Result<Vec<(u64, CommitTs)>> {
    r.list(9, |r| Ok((r.varint()?, CommitTs(r.u64()?))))
}

fn encode_retired<T>(writer: &mut Writer, retired: &[RetiredImage<T>], encode: fn(&mut Writer, &T)) {
    writer.count(retired.len());
    for image in retired {
        encode(writer, &image.def);
        writer.u64(image.from.0);
        writer.u64(image.until.0);
    }
}

fn decode_retired<T>(
    r: &mut Reader<'_>,
    decode: fn(&mut Reader<'_>) -> Result<T>,
) -> Result<Vec<RetiredImage<T>>> {
    r.list(22, |r| Ok(RetiredImage { def: decode(r)?, from: CommitTs(r.u64()?), until: CommitTs(r.u64()?) }))
}

pub(super) fn encode_reference(writer: &mut Writer, reference: &ReferenceImage) {
    writer.varint(reference.reference.0);
    writer.varint(reference.segment.0);
    writer.varint(reference.file_bytes);
    writer.varint(u64::from(reference.rows));
    writer.u64(reference.content_hash);
    writer.u64(reference.attach_ts.0);
    writer.u64(reference.detach_ts.0);
    encode_lives(writer, reference.lives.as_ref());
    encode_place(writer, reference.deletes.as_ref());
}

pub(super) fn encode_place(writer: &mut Writer, place: Option<&DeletePlace>) {
    writer.bool(place.is_some());
    if let Some(place) = place {
        writer.varint(place.pack);
        writer.varint(place.offset);
        writer.u32(place.bytes);
    }
}

pub(super) fn decode_place(r: &mut Reader<'_>) -> Result<Option<DeletePlace>> {
    Ok(if r.bool()? {
        Some(DeletePlace { pack: r.varint()?, offset: r.varint()?, bytes: r.u32()? })
    } else {
        None
    })
}

fn decode_reference(r: &mut Reader<'_>, version: u32) -> Result<ReferenceImage> {
    Ok(ReferenceImage {
        reference: ReferenceId(r.varint()?),
        segment: SegmentId(r.varint()?),
        file_bytes: r.varint()?,
        rows: r.small()?,
        content_hash: r.u64()?,
        attach_ts: CommitTs(r.u64()?),
        detach_ts: CommitTs(r.u64()?),
        lives: if version == 1 { None } else { decode_lives(r)? },
        deletes: decode_place(r)?,
    })
}

fn encode_memtable(writer: &mut Writer, memtable: &MemtableImage) {
    writer.varint(memtable.memtable.0);
    writer.count(memtable.rows.len());
    for row in &memtable.rows {
        writer.varint(u64::from(row.schema_version.0));
        writer.u64(row.begin_ts.0);
        writer.u64(row.end_ts.0);
        writer.bytes(&row.key);
        writer.bytes(&row.row);
        writer.u8(row.origin.code());
    }
}

fn decode_memtable(r: &mut Reader<'_>, version: u32) -> Result<MemtableImage> {
    Ok(MemtableImage {
        memtable: MemtableId(r.varint()?),
        rows: r.list(19, |r| {
            Ok(MemtableRow {
                schema_version: SchemaVersion(r.small()?),
                begin_ts: CommitTs(r.u64()?),
                end_ts: CommitTs(r.u64()?),
                key: r.bytes()?.to_vec(),
                row: Bytes::copy_from_slice(r.bytes()?),
                origin: if version < 3 { Origin::Unknown } else { Origin::of(r.u8()?)? },
            })
        })?,
    })
}
