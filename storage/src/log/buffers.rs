//! Memory that log files are read into, one after the other.
//!
//! Must not know what stands in it. Getting memory from the system anew for each file costs as much as decoding a third of its
//! records. Invariant: a buffer is given again only when nothing refers to what was read into it.

use base::Result;
use base::fs::File;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buffers that are kept: records of the file before are still being applied while a file is read.
const KEPT: usize = 2;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;
static ZEROES: [u8; CHUNK] = [0; CHUNK];

#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer in use.
struct Lent {
    bytes: Vec<u8>,
    from: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.from.lock();
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

impl Buffers {
    /// The first `len` bytes of a file. How it is read does not depend on where they go.
    pub(super) fn read(&self, file: &dyn File, len: usize) -> Result<Bytes> {
        let used = self.lock().pop().filter(|bytes| bytes.len() == len);
        let bytes = match used {
            Some(mut bytes) => {
                for (place, at) in bytes.chunks_mut(CHUNK).zip((0_u64..).step_by(CHUNK)) {
                    file.read_at(at, place)?;
                }
                bytes
            }
            None => read_new(file, len)?,
        };
        Ok(Bytes::from_owner(Lent { bytes, from: self.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads into new memory. Most of the last file was never written: memory is not touched for the zeroes there.
fn read_new(file: &dyn File, len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut chunk = vec![0; CHUNK.min(len)];
    for (place, at) in bytes.chunks_mut(CHUNK).zip((0_u64..).step_by(CHUNK)) {
        let Some(read) = chunk.get_mut(..place.len()) else { break };
        file.read_at(at, read)?;
        if !ZEROES.starts_with(read) {
            place.copy_from_slice(read);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Buffers, CHUNK};
    use base::fs::{File, FileSystem, SimulatedFileSystem};
    use std::sync::Arc;

    const LEN: usize = 2 * CHUNK + 10;

    fn file(fs: &SimulatedFileSystem, path: &str, bytes: &[u8]) -> Arc<dyn File> {
        let file = fs.create(path).unwrap();
        file.write_at(0, bytes).unwrap();
        file
    }

    #[test]
    fn memory_is_used_again_once_nothing_refers_to_it() {
        let fs = SimulatedFileSystem::new(1);
        let ones = file(&fs, "ones", &[1; LEN]);
        let twos = file(&fs, "twos", &[2; LEN]);
        let mut mostly_zeroes = vec![0; LEN];
        mostly_zeroes[7] = 3;
        let threes = file(&fs, "threes", &mostly_zeroes);

        let buffers = Buffers::default();
        let first = buffers.read(ones.as_ref(), LEN).unwrap();
        let mut places = vec![first.as_ptr()];
        let kept = first.slice(CHUNK..CHUNK + 10);
        drop(first);
        let second = buffers.read(twos.as_ref(), LEN).unwrap();
        places.push(second.as_ptr());
        assert_eq!(second, vec![2; LEN]);
        assert_eq!(kept, vec![1; 10], "what is referred to was overwritten");

        drop((kept, second));
        let third = buffers.read(threes.as_ref(), LEN).unwrap();
        assert!(places.contains(&third.as_ptr()), "the memory of the first two is free");
        assert_eq!(third, mostly_zeroes, "nothing of another file is left");
        drop(third);
        assert_eq!(buffers.read(threes.as_ref(), 9).unwrap(), mostly_zeroes[..9], "of another length");
    }
}
