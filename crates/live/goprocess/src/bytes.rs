//! Little-endian numbers out of bytes that may be too few: `None` instead of a panic.

/// The bytes at `at`, as many as `N`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    array(bytes, at).map(i32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// An unsigned LEB128 number of at most 64 bits, and how many bytes it took.
pub(crate) fn uvarint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value: u64 = 0;
    for (byte_idx, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(byte_idx).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, byte_idx + 1));
        }
    }
    None
}

/// The text from `at` to the next zero byte; what is no UTF-8 ends it.
pub(crate) fn c_str(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_the_end_are_none() {
        let bytes = [1, 0, 0, 0, 0, 0, 0, 0, 0xff];
        assert_eq!(u64_at(&bytes, 0), Some(1));
        assert_eq!(u64_at(&bytes, 2), None);
        assert_eq!(u64_at(&bytes, usize::MAX), None);
        assert_eq!(c_str(&bytes, 8), None);
    }

    #[test]
    fn varints_end_where_they_say_or_not_at_all() {
        assert_eq!(uvarint(&[0xe5, 0x8e, 0x26]), Some((624_485, 3)));
        assert_eq!(uvarint(&[0x80; 20]), None);
        assert_eq!(uvarint(&[0x80]), None);
    }
}
