//! Refuses what two HTTP/1 parsers could read differently, before any parser sees it.
