//! The hash that places rows in tablets, and the fingerprint of rows. Both are stable for ever (docs/types.md).
//!
//! Invariant: equal values of the hash columns give equal hashes, because the hash is taken of the key encoding; nulls
//! count as equal here, as in PostgreSQL's hash partitioning.

use crate::datum::Datum;
use crate::encode::BinaryEncoder;
use crate::key::{encode_key_data, encode_present};
use crate::sql_type::{Form, SqlType};
use arrow::array::ArrayRef;
use base::{Error, Result};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Of a row whose hash columns are all null: it goes to bucket 0, as PostgreSQL has it at remainder 0.
const HASH_OF_NULLS: u64 = 0;

/// The hash of every row of hash columns of equal length. A null adds nothing to it.
pub fn hash_rows(columns: &[(Form, ArrayRef)]) -> Result<Vec<u64>> {
    Ok(encode_present(columns)?.iter().map(hash_bytes).collect())
}

/// The hash of one row's hash columns.
pub fn hash_data(values: &[(Form, Datum)]) -> Result<u64> {
    let present: Vec<_> = values.iter().filter(|(_, datum)| !datum.is_null()).cloned().collect();
    Ok(hash_bytes(&encode_key_data(&present)?))
}

/// Every value takes at least one byte, so none means that all are null.
fn hash_bytes(present: &[u8]) -> u64 {
    if present.is_empty() { HASH_OF_NULLS } else { xxh3_64(present) }
}

/// The bucket of a hash among `buckets`: the high bits decide, so each takes an equal range of hashes.
pub fn bucket(hash: u64, buckets: u32) -> u32 {
    u32::try_from((u128::from(hash) * u128::from(buckets)) >> 64).unwrap_or(0)
}

/// Sum modulo 2^128 of a hash per row, over type OID and value of every column; the order of rows does not matter.
pub fn fingerprint_rows(columns: &[(SqlType, ArrayRef)]) -> Result<u128> {
    let rows = columns.first().map_or(0, |(_, array)| array.len());
    let mut encoders = Vec::with_capacity(columns.len());
    for (ty, array) in columns {
        if array.len() != rows {
            return Err(Error::internal("columns of unequal length"));
        }
        encoders.push((ty.oid.0.to_le_bytes(), BinaryEncoder::of_stored(ty, array)?));
    }
    let mut sum = 0_u128;
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        for (oid, encoder) in &encoders {
            bytes.extend_from_slice(oid);
            if encoder.is_null(row) {
                bytes.push(0);
                continue;
            }
            bytes.push(1);
            let at = bytes.len();
            bytes.extend_from_slice(&[0; 8]);
            encoder.write(row, &mut bytes)?;
            let len = u64::try_from(bytes.len() - at - 8).unwrap_or(u64::MAX).to_le_bytes();
            if let Some(slot) = bytes.get_mut(at..at + 8) {
                slot.copy_from_slice(&len);
            }
        }
        sum = sum.wrapping_add(xxh3_128(&bytes));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
