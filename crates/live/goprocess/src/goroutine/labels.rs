//! The labels that `runtime/pprof` hangs on a goroutine.
//!
//! To Go 1.23 a `map[string]string` of the old kind (`runtime/map.go`), from Go 1.24 a slice of pairs
//! (`runtime/pprof/label.go`). Goroutines share them, so each set is read once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bytes::{u8_at, u64_at};
use crate::memory::{self, Memory};
use crate::{Layout, RuntimeAddr};

type Labels = Arc<[(String, String)]>;

/// More labels than this are not read, nor longer texts.
const MOST_LABELS: u64 = 128;
const LONGEST_TEXT: u64 = 4096;
/// Old maps of more than 2^6 buckets are not read.
const LARGEST_B: u8 = 6;
/// An old bucket: 8 hashes, 8 keys, 8 values, the next bucket.
const BUCKET: usize = 8 + 8 * 16 + 8 * 16 + 8;
/// Hashes below this mark empty places (`minTopHash`).
const FIRST_HASH: u8 = 5;

#[derive(Debug, Default)]
pub(super) struct LabelCache {
    known: HashMap<RuntimeAddr, Labels>,
}

impl LabelCache {
    /// The labels at `at`; none where they cannot be read.
    pub(super) fn get(&mut self, memory: &dyn Memory, layout: &Layout, at: RuntimeAddr) -> Labels {
        if at.is_nil() {
            return Arc::default();
        }
        self.known
            .entry(at)
            .or_insert_with(|| {
                // Go 1.23 and before have no swiss maps at all, and keep labels in a map.
                let labels = match layout.hmap_b.filter(|_| layout.swiss_used.is_none()) {
                    Some(_) => map(memory, layout, at),
                    None => slice(memory, at),
                };
                labels.unwrap_or_default().into()
            })
            .clone()
    }
}

/// `struct { list []struct{ key, value string } }`.
fn slice(memory: &dyn Memory, at: RuntimeAddr) -> Option<Vec<(String, String)>> {
    let head = memory::bytes(memory, at, 16, 16)?;
    let len = u64_at(&head, 8)?.min(MOST_LABELS);
    let pairs = memory::bytes(memory, RuntimeAddr(u64_at(&head, 0)?), len * 32, MOST_LABELS * 32)?;
    pairs
        .chunks_exact(32)
        .map(|pair| Some((text(memory, pair, 0)?, text(memory, pair, 16)?)))
        .collect()
}

/// `map[string]string`, behind a pointer.
fn map(memory: &dyn Memory, layout: &Layout, at: RuntimeAddr) -> Option<Vec<(String, String)>> {
    let map = RuntimeAddr(memory::word(memory, at)?);
    let mut b = [0];
    memory::read(memory, map.plus(u64::from(layout.hmap_b?)), &mut b)?;
    if b[0] > LARGEST_B {
        return None;
    }
    let buckets = memory::word(memory, map.plus(u64::from(layout.hmap_buckets?)))?;
    let mut labels = Vec::new();
    for bucket_idx in 0..1_u64 << b[0] {
        let mut bucket = RuntimeAddr(buckets.checked_add(bucket_idx * BUCKET as u64)?);
        // A chain of overflow buckets, which could be made to go in circles.
        for _ in 0..MOST_LABELS {
            let bytes = memory::bytes(memory, bucket, BUCKET as u64, BUCKET as u64)?;
            for slot in 0..8 {
                if u8_at(&bytes, slot)? >= FIRST_HASH && (labels.len() as u64) < MOST_LABELS {
                    let key = text(memory, &bytes, 8 + 16 * slot)?;
                    labels.push((key, text(memory, &bytes, 8 + 128 + 16 * slot)?));
                }
            }
            bucket = RuntimeAddr(u64_at(&bytes, BUCKET - 8)?);
            if bucket.is_nil() {
                break;
            }
        }
    }
    labels.sort();
    Some(labels)
}

/// The string whose head is at `at`, cut if it is long.
fn text(memory: &dyn Memory, bytes: &[u8], at: usize) -> Option<String> {
    let len = u64_at(bytes, at + 8)?.min(LONGEST_TEXT);
    if len == 0 {
        return Some(String::new());
    }
    let text = memory::bytes(memory, RuntimeAddr(u64_at(bytes, at)?), len, LONGEST_TEXT)?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
