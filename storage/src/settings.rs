//! What can be tuned about a database. Plain data; config/default.toml documents each.

#[derive(Clone, Debug)]
pub struct StorageSettings {
    /// All memtables together; above it the largest are flushed.
    pub memtable_bytes_max: usize,
    /// One tablet's memtable; above it that memtable is flushed.
    pub memtable_flush_bytes: usize,
    /// Rows of a transaction kept in memory before they are staged as segments.
    pub transaction_buffer_bytes: usize,
    /// Size to which log files are preallocated.
    pub log_file_bytes: u64,
    /// Log written since the last checkpoint that triggers the next one.
    pub checkpoint_log_bytes: u64,
    /// Rows of one batch out of a scan.
    pub batch_rows: usize,
    /// Rows of one segment written by a load.
    pub segment_rows_max: usize,
    /// Verified, still encoded chunks of segments kept in memory; 0 keeps none.
    pub segment_cache_bytes: u64,
    /// Segment files kept open.
    pub open_segments_max: usize,
    /// How long dead rows stay readable where a table does not say, in microseconds of running time.
    pub history_retention_us: u64,
    /// Bytes of dead rows above which the oldest go before their time, where a table does not say; at least this, and
    /// twice what its live rows take.
    pub history_bytes_min: u64,
    /// Whether a segment is read back and compared before it is committed.
    pub read_back: bool,
    /// Whether flushes and checkpoints run by themselves; tests turn it off and call them.
    pub background: bool,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            memtable_bytes_max: 512 << 20,
            memtable_flush_bytes: 64 << 20,
            transaction_buffer_bytes: 256 << 20,
            log_file_bytes: 64 << 20,
            checkpoint_log_bytes: 256 << 20,
            batch_rows: 8_192,
            segment_rows_max: 4_000_000,
            segment_cache_bytes: 1 << 30,
            open_segments_max: 512,
            history_retention_us: 7 * 24 * 3_600 * 1_000_000,
            history_bytes_min: 1 << 30,
            read_back: true,
            background: true,
        }
    }
}
