//! Why a connection was refused: in words for a log, in one word for a metric, as a status.
//!
//! A flat list on purpose. Every variant names the section of RFC 9112 it rests on, or RFC 9110
//! where said.

use http::StatusCode;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $word:literal $status:ident $text:literal,)*) => {
        /// What is wrong with a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum Reason {
            $($(#[$doc])* #[error($text)] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of their declaration: for counters that start at nought.
            pub const ALL: &[Reason] = &[$(Reason::$variant,)*];

            /// The reason as a metric's label.
            pub fn word(self) -> &'static str {
                match self { $(Reason::$variant => $word,)* }
            }

            /// The status that tells the caller so, if it can still be told.
            pub fn status(self) -> StatusCode {
                match self { $(Reason::$variant => StatusCode::$status,)* }
            }
        }
    };
}

reasons! {
    /// Section 3: exactly method, SP, target, SP, version.
    RequestLine "request_line" BAD_REQUEST "the request line is not `method target HTTP/1.1`",
    /// RFC 9110 section 9.1: a method is a token.
    Method "method" BAD_REQUEST "the method is not a token",
    /// Section 3.2: a target that fits its method, without control bytes, fragment or user.
    Target "target" BAD_REQUEST "the request target is malformed",
    /// Section 2.3: only HTTP/1.0 and HTTP/1.1 are spoken here.
    Version "version" HTTP_VERSION_NOT_SUPPORTED "the version is neither HTTP/1.0 nor HTTP/1.1",
    /// Section 2.2 lets one blank line pass before a request line.
    EmptyLines "empty_lines" BAD_REQUEST "more than one blank line before a request line",
    /// More bytes than [`Limits::head_bytes`](super::Limits::head_bytes).
    HeadTooLong "head_too_long" REQUEST_HEADER_FIELDS_TOO_LARGE "the head is longer than allowed",
    /// More lines than [`Limits::header_lines`](super::Limits::header_lines).
    TooManyLines "too_many_lines" REQUEST_HEADER_FIELDS_TOO_LARGE "more header lines than allowed",
    /// Section 2.2: a lone LF ends a line for some parsers and not for others.
    BareLf "bare_lf" BAD_REQUEST "a line ends in LF without CR",
    /// Section 2.2: a lone CR ends a line for some parsers and is a blank for others.
    BareCr "bare_cr" BAD_REQUEST "a CR that ends no line",
    /// RFC 9110 section 5.5: NUL and its like in a value.
    Control "control" BAD_REQUEST "a control byte in a header value",
    /// Section 5.2: a value continued on the next line.
    ObsFold "obs_fold" BAD_REQUEST "a header line that starts with whitespace (obsolete folding)",
    /// Section 5.1: some parsers drop it, some make it part of the name.
    SpaceBeforeColon "space_before_colon" BAD_REQUEST "whitespace between a header's name and its colon",
    /// RFC 9110 section 5.1: a name is a token, and not empty.
    HeaderName "header_name" BAD_REQUEST "a header line without a valid name",
    /// Section 6.3: the classic of request smuggling.
    LengthAndCoding "length_and_coding" BAD_REQUEST "Content-Length beside Transfer-Encoding",
    /// Section 6.3: also when they agree.
    LengthRepeated "length_repeated" BAD_REQUEST "more than one Content-Length line",
    /// RFC 9110 section 8.6: digits alone, and no more than a signed 64-bit length holds.
    Length "length" BAD_REQUEST "Content-Length is not a number of bytes",
    /// RFC 9110 section 10.1.4: empty, an empty member, or one that is no token.
    CodingMalformed "coding_malformed" BAD_REQUEST "Transfer-Encoding is not a list of codings",
    /// Section 6.1: codings besides `chunked` alone.
    Coding "coding" NOT_IMPLEMENTED "Transfer-Encoding is not `chunked`",
    /// Section 6.1: `chunked` must not be applied twice, and a list of one needs one line.
    CodingRepeated "coding_repeated" BAD_REQUEST "more than one Transfer-Encoding line",
    /// Section 6.1: HTTP/1.0 has no Transfer-Encoding, so its framing is taken for faulty.
    CodingInHttp10 "coding_in_http10" BAD_REQUEST "Transfer-Encoding in an HTTP/1.0 request",
    /// Section 3.2.
    HostMissing "host_missing" BAD_REQUEST "an HTTP/1.1 request without Host",
    /// Section 3.2.
    HostRepeated "host_repeated" BAD_REQUEST "more than one Host line",
    /// Section 3.2: not a host with an optional port.
    Host "host" BAD_REQUEST "Host is not a host with an optional port",
    /// Section 3.2.2: which of the two routes the request depends on who reads it.
    HostDiffers "host_differs" BAD_REQUEST "the request target names another host than Host",
    /// RFC 9110 sections 7.8 and 9.3.6: whether the body is body or the first bytes of the tunnel
    /// depends on who reads it.
    BodyWithUpgrade "body_with_upgrade" BAD_REQUEST "a body in a CONNECT or in a request to upgrade",
    /// RFC 9110 section 7.6.1: the next hop would be told to forget where the request ends.
    FramingNominated "framing_nominated" BAD_REQUEST "Connection names Content-Length, Transfer-Encoding or Host",
    /// Section 7.1: 1 to 16 hexadecimal digits, nothing before or behind them.
    ChunkSize "chunk_size" BAD_REQUEST "a chunk's size is not a hexadecimal number",
    /// Section 7.1.1.
    ChunkExtension "chunk_extension" BAD_REQUEST "a malformed chunk extension",
    /// More bytes than [`Limits::chunk_line_bytes`](super::Limits::chunk_line_bytes).
    ChunkLineTooLong "chunk_line_too_long" BAD_REQUEST "a chunk's opening line is longer than allowed",
    /// Section 7.1: the data is as long as was said, then comes CRLF.
    ChunkEnd "chunk_end" BAD_REQUEST "a chunk's data is not followed by CRLF",
    /// More bytes than [`Limits::trailer_bytes`](super::Limits::trailer_bytes).
    TrailersTooLong "trailers_too_long" REQUEST_HEADER_FIELDS_TOO_LARGE "the trailers are longer than allowed",
    /// RFC 9110 section 6.5.1: framing and routing cannot change once the body is read.
    TrailerForbidden "trailer_forbidden" BAD_REQUEST "a trailer named Content-Length, Transfer-Encoding or Host",
}
