//! How long the parts of a request may be that have to be held or parsed.
//!
//! Bodies have no limit here: they are counted, not looked at. The parser behind should allow no
//! less: hyper's are 100 lines, a buffer of 408 KiB, and 16 KiB of trailers and of a body's chunk
//! extensions together.

/// How much of each part of a request is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, from the request line to the blank line, both included (65,536).
    pub head_bytes: usize,
    /// Header lines of a head, and again of a trailer section (100, as hyper has it).
    pub header_lines: usize,
    /// Bytes of the line that opens a chunk, with its extensions and CRLF (256).
    pub chunk_line_bytes: usize,
    /// Bytes of a trailer section, its blank line included (8,192).
    pub trailer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: 64 * 1024,
            header_lines: 100,
            chunk_line_bytes: 256,
            trailer_bytes: 8 * 1024,
        }
    }
}
