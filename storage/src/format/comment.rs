//! Comments as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{ColumnId, Oid};
use catalog::CommentKey;

pub(super) fn encode_key(writer: &mut Writer, key: &CommentKey) {
    writer.u32(key.class.0);
    writer.u32(key.object.0);
    writer.u32(key.column.0);
}

pub(super) fn decode_key(reader: &mut Reader<'_>) -> Result<CommentKey> {
    Ok(CommentKey { class: Oid(reader.u32()?), object: Oid(reader.u32()?), column: ColumnId(reader.u32()?) })
}
