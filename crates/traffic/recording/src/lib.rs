//! Requests kept in a file, to be sent again later: written by the proxy, read by `load`.

#![forbid(unsafe_code)]
