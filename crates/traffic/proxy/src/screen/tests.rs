use proptest::prelude::*;

use super::*;

/// What becomes of these bytes: how many requests went through, and why it ended there.
fn read(bytes: &[u8]) -> String {
    let (n_requests, mut verdict) = by_the_byte(bytes);
    let mut screen = Screen::new(Limits::default());
    match screen.feed(bytes) {
        Ok(progress) if screen.is_waiting() => {
            verdict += &format!(", {} held", bytes.len() - progress.pass);
        }
        Ok(progress) => assert_eq!(progress.pass, bytes.len(), "only a waiting screen holds back"),
        Err(refused) => assert_eq!(
            verdict,
            format!("{} {}", refused.reason.word(), refused.reason.status().as_u16())
        ),
    }
    match (n_requests, verdict.as_str()) {
        (0, _) => verdict,
        (_, "") => n_requests.to_string(),
        _ => format!("{n_requests}, {verdict}"),
    }
}

fn by_the_byte(bytes: &[u8]) -> (usize, String) {
    let mut screen = Screen::new(Limits::default());
    let mut n_requests = 0;
    for byte in bytes.chunks(1) {
        match screen.feed(byte) {
            Ok(_) if screen.is_waiting() => return (n_requests + 1, "waiting".to_owned()),
            Ok(_) => n_requests += usize::from(screen.is_between_requests()),
            Err(Refused { reason, .. }) => {
                let verdict = format!("{} {}", reason.word(), reason.status().as_u16());
                return (n_requests, verdict);
            }
        }
    }
    let whole = screen.is_between_requests();
    (n_requests, if whole { String::new() } else { "open".to_owned() })
}

fn check(table: &[(&[u8], &str)], around: impl Fn(&[u8]) -> Vec<u8>) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(bytes, expected)| (bytes, expected, read(&around(bytes))))
        .filter(|(_, expected, got)| *expected != got)
        .map(|(bytes, expected, got)| format!("{}: {got}, not {expected}", bytes.escape_ascii()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_head_passes_only_if_it_reads_one_way() {
    #[rustfmt::skip]
    let heads: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "2"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", "1, host_missing 400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", "open"),
        (b"GET / HTTP/1.0\r\n\r\n", "1"),
        (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "1"),
        (b"", ""),
        // The request line.
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "2"),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "empty_lines 400"),
        (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare_lf 400"),
        (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"),
        (b"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare_cr 400"),
        (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET /a HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "bare_lf 400"),
        (b"GET / HTTP/1.1\rHost: a\r\n\r\n", "bare_cr 400"),
        (b"GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n", "bare_cr 400"),
        (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET /\x0b HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET /\xc3\xa4?q=%00&[x]|y HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "target 400"),
        (b"GET \\ HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET /\r\n\r\n", "request_line 400"),
        (b"GET\r\n\r\n", "request_line 400"),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"),
        (b"G\xc3\xa4T / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"),
        (b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "version 505"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version 505"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version 505"),
        (b"GET / HTTP/0.9\r\n\r\n", "version 505"),
        (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP/1,1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / http/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP/1.\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / HTTP /1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"GET / ICY/1.1\r\nHost: a\r\n\r\n", "request_line 400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "bare_lf 400"),
        // Whom it is for.
        (b"GET /p HTTP/1.1\r\n\r\n", "host_missing 400"),
        (b"GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "host_repeated 400"),
        (b"GET /p HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n", "host_repeated 400"),
        (b"GET /p HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "host_repeated 400"),
        (b"GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://A/p HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET HTTP://a/p HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://a:80/p HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://a:/p HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://a/p HTTP/1.1\r\nHost: a:80\r\n\r\n", "1"),
        (b"GET https://a/p HTTP/1.1\r\nHost: a:443\r\n\r\n", "1"),
        (b"GET https://a/p HTTP/1.1\r\nHost: a:80\r\n\r\n", "host_differs 400"),
        (b"GET http://a:8080/p HTTP/1.1\r\nHost: a\r\n\r\n", "host_differs 400"),
        (b"GET http://a:080/p HTTP/1.1\r\nHost: a\r\n\r\n", "host_differs 400"),
        (b"GET http://b/p HTTP/1.1\r\nHost: a\r\n\r\n", "host_differs 400"),
        (b"GET http://b/p HTTP/1.1\r\nHost:\r\n\r\n", "host_differs 400"),
        (b"GET http://b/p HTTP/1.1\r\n\r\n", "host_missing 400"),
        (b"GET http://b/p HTTP/1.0\r\n\r\n", "1"),
        (b"GET http://b/p HTTP/1.0\r\nHost: a\r\n\r\n", "host_differs 400"),
        (b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://a?q=/ HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]\r\n\r\n", "1"),
        (b"GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET http://b\\@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET http:/p HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET http:\\\\a/p HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET ftp://a/p HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET xhttp://a/p HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"GET http://a:99999/ HTTP/1.1\r\nHost: a:99999\r\n\r\n", "target 400"),
        (b"GET /http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        // Heads behind which the bytes may be no request.
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET /", "1, waiting, 5 held"),
        (b"CONNECT a:1 HTTP/1.0\r\n\r\nGET /", "1, waiting, 5 held"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: b:1\r\n\r\n", "host_differs 400"),
        (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"),
        (b"CONNECT http://a:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n", "target 400"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\nabc", "body_with_upgrade 400"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "body_with_upgrade 400"),
        (b"connect / HTTP/1.1\r\nHost: a\r\n\r\n", "1"),
        (b"GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", "1"),
    ];
    check(heads, <[u8]>::to_vec);
}

#[test]
fn header_lines_pass_only_if_they_read_one_way() {
    #[rustfmt::skip]
    let lines: &[(&[u8], &str)] = &[
        (b"X: y\r\n\r\n", "1"),
        (b"X:y\r\nY:\r\nZ: \t \r\n\r\n", "1"),
        (b"X: \"\t\x80\xff\"\r\n\r\n", "1"),
        (b"X_Y: 1\r\nX-Y: 2\r\n\r\n", "1"),
        (b"Content_Length: 3\r\n\r\n", "1"),
        // Lengths.
        (b"Content-Length: 0\r\n\r\n", "1"),
        (b"Content-Length: 3\r\n\r\nabc", "1"),
        (b"Content-Length: 003\r\n\r\nabc", "1"),
        (b"content-length:3\t \r\n\r\nabc", "1"),
        (b"Content-Length: 3\r\n\r\nab", "open"),
        (b"Content-Length: 3\r\n\r\nabcG", "1, open"),
        (b"Content-Length: 3\r\n\r\n\n\0\r", "1"),
        (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", "length_and_coding 400"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX", "length_and_coding 400"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\nX", "length_and_coding 400"),
        (b"Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n", "length_and_coding 400"),
        (b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", "length_repeated 400"),
        (b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", "length_repeated 400"),
        (b"Content-Length: 3, 3\r\n\r\nabc", "length 400"),
        (b"Content-Length: 3,\r\n\r\nabc", "length 400"),
        (b"Content-Length: +3\r\n\r\nabc", "length 400"),
        (b"Content-Length: -0\r\n\r\n", "length 400"),
        (b"Content-Length: -1\r\n\r\n", "length 400"),
        (b"Content-Length: 0x3\r\n\r\nabc", "length 400"),
        (b"Content-Length: 3.0\r\n\r\nabc", "length 400"),
        (b"Content-Length: 1_0\r\n\r\n0123456789", "length 400"),
        (b"Content-Length: 1e1\r\n\r\n0123456789", "length 400"),
        (b"Content-Length: 3 4\r\n\r\nabc", "length 400"),
        (b"Content-Length: 3;q=1\r\n\r\nabc", "length 400"),
        (b"Content-Length: \"3\"\r\n\r\nabc", "length 400"),
        (b"Content-Length:\r\n\r\n", "length 400"),
        (b"Content-Length: \xc2\xb3\r\n\r\n", "length 400"),
        (b"Content-Length: \xa03\r\n\r\nabc", "length 400"),
        (b"Content-Length: \x0c3\r\n\r\nabc", "control 400"),
        (b"Content-Length: \x0b3\r\n\r\nabc", "control 400"),
        (b"Content-Length: 3\0\r\n\r\nabc", "control 400"),
        (b"Content-Length: 9223372036854775807\r\n\r\n", "open"),
        (b"Content-Length: 9223372036854775808\r\n\r\n", "length 400"),
        (b"Content-Length: 18446744073709551619\r\n\r\nabc", "length 400"),
        (b"Content-Length: 00000000000000000003\r\n\r\nabc", "length 400"),
        // Codings.
        (b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", "1"),
        (b"Transfer-Encoding:\tchunked \t\r\n\r\n0\r\n\r\n", "1"),
        (b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: identity\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: chunked x\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n", "coding 501"),
        (b"Transfer-Encoding: chun\xe7ked\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding:\r\n\r\n", "coding_malformed 400"),
        (b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "control 400"),
        (b"Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", "control 400"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding_repeated 400"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", "coding_repeated 400"),
        (b"Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"X: y\r\n\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "1, request_line 400"),
        // Names.
        (b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "space_before_colon 400"),
        (b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", "space_before_colon 400"),
        (b"Content-Length : 3\r\n\r\nabc", "space_before_colon 400"),
        (b"Transfer Encoding: chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"\x0bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"Transfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"Transfer-Encoding\xa0: chunked\r\n\r\n0\r\n\r\n", "header_name 400"),
        (b"\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bare_cr 400"),
        (b"X\r: y\r\n\r\n", "bare_cr 400"),
        (b": y\r\n\r\n", "header_name 400"),
        (b":\r\n\r\n", "header_name 400"),
        (b" : y\r\n\r\n", "obs_fold 400"),
        (b"X\r\n\r\n", "header_name 400"),
        (b"Content-Length\r\n\r\n", "header_name 400"),
        (b"X@Y: z\r\n\r\n", "header_name 400"),
        (b"\"X\": z\r\n\r\n", "header_name 400"),
        // Folding, line ends, control bytes.
        (b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "coding_malformed 400"),
        (b"X: y\r\n z\r\n\r\n", "obs_fold 400"),
        (b"X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n", "obs_fold 400"),
        (b"X: y\r\n \r\n\r\n", "obs_fold 400"),
        (b"X: y\n\r\n", "bare_lf 400"),
        (b"X: y\r\n\n", "bare_lf 400"),
        (b"X: y\n\n", "bare_lf 400"),
        (b"X: y\nTransfer-Encoding: chunked\r\n\r\n", "bare_lf 400"),
        (b"X: y\r\r\n\r\n", "bare_cr 400"),
        (b"X: y\r\n\r\r\n", "bare_cr 400"),
        (b"X: a\rY: b\r\n\r\n", "bare_cr 400"),
        (b"X: y\r\rTransfer-Encoding: chunked\r\n\r\n", "bare_cr 400"),
        (b"X: a\0b\r\n\r\n", "control 400"),
        (b"X: a\x01b\r\n\r\n", "control 400"),
        (b"X: a\x1bb\r\n\r\n", "control 400"),
        (b"X: a\x7fb\r\n\r\n", "control 400"),
        // Fields that say what becomes of others, or of the connection.
        (b"Connection: close, x\r\nx: y\r\n\r\n", "1"),
        (b"Connection: TE\r\nTE: trailers\r\n\r\n", "1"),
        (b"Connection: close, Content-Length\r\nContent-Length: 3\r\n\r\nabc", "framing_nominated 400"),
        (b"Connection: transfer-encoding\r\n\r\n", "framing_nominated 400"),
        (b"Connection: ,\tHOST \r\n\r\n", "framing_nominated 400"),
        (b"Connection: Upgrade\r\nUpgrade: foo\r\n\r\nGET /smuggled", "1, waiting, 13 held"),
        (b"Upgrade: foo/2, h2c\r\nConnection: keep-alive\r\nConnection: x,upgrade\r\n\r\n", "1, waiting, 0 held"),
        (b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\nx", "1, waiting, 1 held"),
        (b"Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc", "body_with_upgrade 400"),
        (b"Connection: Upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "body_with_upgrade 400"),
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc", "1"),
        (b"Upgrade: foo\r\nContent-Length: 3\r\n\r\nabc", "1"),
        (b"Connection: Upgrade\r\n\r\n", "1"),
        (b"Connection: Upgrade\r\nUpgrade: ,\r\n\r\n", "1"),
    ];
    check(lines, |lines| [b"POST /p HTTP/1.1\r\nHost: a\r\n", lines].concat());
}

#[test]
fn a_host_is_a_name_and_maybe_a_port() {
    #[rustfmt::skip]
    let hosts: &[(&[u8], &str)] = &[
        (b"a", "1"), (b"", "1"), (b"a.b-c_d~e", "1"), (b"a.", "1"), (b"127.0.0.1:8080", "1"),
        (b"a:", "1"), (b"a:0", "1"), (b"a:65535", "1"), (b"[::1]", "1"), (b"[::ffff:1.2.3.4]:80", "1"),
        (b"a:65536", "host 400"), (b"a:000080", "host 400"), (b"a:8o", "host 400"), (b"a:-1", "host 400"),
        (b"a:80:80", "host 400"), (b":80", "host 400"), (b"::1", "host 400"), (b"[::1", "host 400"),
        (b"::1]", "host 400"), (b"[]", "host 400"), (b"[a]", "host 400"), (b"[::1]x", "host 400"),
        (b"[::1%25eth0]", "host 400"), (b"[::g]", "host 400"), (b"[[::1]]", "host 400"),
        (b"a b", "host 400"), (b"a\tb", "host 400"), (b"a,b", "host 400"), (b"a/b", "host 400"),
        (b"b@a", "host 400"), (b"a\\b", "host 400"), (b"a?b", "host 400"), (b"a#b", "host 400"),
        (b"a%2eb", "host 400"), (b"a\"b", "host 400"), (b"<a>", "host 400"), (b"a|b", "host 400"),
        (b"\xc3\xa4", "host 400"), (b"http://a", "host 400"), (b"a\0", "control 400"), (b"a\rb", "bare_cr 400"),
    ];
    check(hosts, |host| [b"GET / HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat());
}

#[test]
fn chunks_pass_only_if_they_read_one_way() {
    #[rustfmt::skip]
    let chunks: &[(&[u8], &str)] = &[
        (b"0\r\n\r\n", "1"),
        (b"000\r\n\r\n", "1"),
        (b"3\r\nabc\r\n0\r\n\r\n", "1"),
        (b"00a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\nGET", "1, open"),
        (b"3\r\n\r\n\n\r\n0\r\n\r\n", "1"),
        (b"3\r\nabc\r\n", "open"),
        // Line ends.
        (b"1\na\r\n0\r\n\r\n", "bare_lf 400"),
        (b"1\r\na\n0\r\n\r\n", "chunk_end 400"),
        (b"1\r\na\r0\r\n\r\n", "chunk_end 400"),
        (b"1\r\na\r\r\n0\r\n\r\n", "chunk_end 400"),
        (b"1\r\na0\r\n\r\n", "chunk_end 400"),
        (b"1\r\nab\r\n0\r\n\r\n", "chunk_end 400"),
        (b"1\r\naXX0\r\n\r\n", "chunk_end 400"),
        (b"1\ra\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1\r\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"0\n\r\n", "bare_lf 400"),
        (b"0\r\n\n", "bare_lf 400"),
        (b"0\r\n\r\r\n", "bare_cr 400"),
        (b"\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1\r\na\r\n\r\n0\r\n\r\n", "chunk_size 400"),
        // Sizes.
        (b"0x1\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"+1\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"-1\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"-0\r\n\r\n", "chunk_size 400"),
        (b" 1\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1 \r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1\t\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1 ;x\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1h\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1.0\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"1\0\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"\"1\"\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"\xef\xbc\x91\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b";x\r\n\r\n", "chunk_size 400"),
        (b"7fffffffffffffff\r\n", "open"),
        (b"8000000000000000\r\n", "chunk_size 400"),
        (b"ffffffffffffffff\r\n", "chunk_size 400"),
        (b"0000000000000001\r\na\r\n0\r\n\r\n", "1"),
        (b"00000000000000001\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        (b"10000000000000001\r\na\r\n0\r\n\r\n", "chunk_size 400"),
        // Extensions.
        (b"1;x\r\na\r\n0;y=z\r\n\r\n", "1"),
        (b"1; x = \"a\\\"\\\\;\t\x80\" ;y\r\na\r\n0\r\n\r\n", "1"),
        (b"1;x\ny\r\na\r\n0\r\n\r\n", "bare_lf 400"),
        (b"1;\nx\r\na\r\n0\r\n\r\n", "bare_lf 400"),
        (b"1;x\ry\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;;x\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;=y\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=y=z\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x y\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\"\r\n\"\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\"a\\\"\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\"a\\\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\"a\"b\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;x=\"\0\"\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        (b"1;\x0bx\r\na\r\n0\r\n\r\n", "chunk_extension 400"),
        // Trailers.
        (b"0\r\nX: y\r\nZ:\r\n\r\n", "1"),
        (b"0\r\nX: y\r\n", "open"),
        (b"0\r\nContent-Length: 3\r\n\r\nabc", "trailer_forbidden 400"),
        (b"0\r\nTransfer-Encoding: chunked\r\n\r\n", "trailer_forbidden 400"),
        (b"0\r\nhost: b\r\n\r\n", "trailer_forbidden 400"),
        (b"0\r\nX : y\r\n\r\n", "space_before_colon 400"),
        (b"0\r\n X: y\r\n\r\n", "obs_fold 400"),
        (b"0\r\nX: y\r\n z\r\n\r\n", "obs_fold 400"),
        (b"0\r\nX: y\n\r\n", "bare_lf 400"),
        (b"0\r\nX: a\rb\r\n\r\n", "bare_cr 400"),
        (b"0\r\nX: a\0b\r\n\r\n", "control 400"),
        (b"0\r\nGET / HTTP/1.1\r\n\r\n", "header_name 400"),
        (b"0\r\n: y\r\n\r\n", "header_name 400"),
    ];
    check(chunks, |chunks| {
        [b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", chunks].concat()
    });
    check(&[(b"Transfer-Encoding: chunked", "coding_in_http10 400")], |line| {
        let smuggled = b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        [b"POST /p HTTP/1.0\r\nHost: a\r\n", line, smuggled.as_slice()].concat()
    });
}

#[test]
fn each_part_may_be_as_long_as_its_limit_and_not_a_byte_longer() {
    let padded = |before: &str, after: &str, n: usize| {
        let padding = "y".repeat(n - before.len() - after.len());
        format!("{before}{padding}{after}").into_bytes()
    };
    let head = |n| padded("GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n", n);
    assert_eq!(read(&head(65_536)), "1");
    assert_eq!(read(&head(65_537)), "head_too_long 431");
    assert_eq!(read(&[b'G'; 65_537]), "head_too_long 431");

    let lines = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n - 1));
    assert_eq!(read(lines(100).as_bytes()), "1");
    assert_eq!(read(lines(101).as_bytes()), "too_many_lines 431");

    let chunked = |body: Vec<u8>| {
        [b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body.as_slice()]
            .concat()
    };
    assert_eq!(read(&chunked(padded("0;x", "\r\n", 256))), "open");
    assert_eq!(read(&chunked(padded("0;x", "\r\n", 257))), "chunk_line_too_long 400");
    assert_eq!(read(&chunked(padded("0\r\nX: ", "\r\n\r\n", 3 + 8192))), "1");
    assert_eq!(read(&chunked(padded("0\r\nX: ", "\r\n\r\n", 3 + 8193))), "trailers_too_long 431");
    let trailers = |n| chunked(format!("0\r\n{}\r\n", "X: y\r\n".repeat(n)).into_bytes());
    assert_eq!(read(&trailers(100)), "1");
    assert_eq!(read(&trailers(101)), "too_many_lines 431");
}

#[test]
fn of_a_bad_head_fed_whole_not_a_byte_is_handed_on() {
    let good = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let bad = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = Screen::new(Limits::default()).feed(&[&good[..], bad].concat()).unwrap_err();
    assert_eq!((refused.pass, refused.part), (good.len(), Part::Head));
}

#[test]
fn a_bad_head_whose_start_was_handed_on_never_gets_its_end() {
    let mut screen = Screen::new(Limits::default());
    let start = b"GET / HTTP/1.1\r\nX: y\r";
    assert_eq!(screen.feed(start), Ok(Progress { pass: start.len() }));
    let missing = Refused { pass: 0, reason: Reason::HostMissing, part: Part::Head };
    assert_eq!(screen.feed(b"\n\r\n"), Err(missing));
    assert_eq!(screen.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(missing));
}

#[test]
fn of_a_bad_body_what_came_before_the_bad_chunk_is_handed_on() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let good = [&head[..], b"3\r\nabc\r\n"].concat();
    let refused = Screen::new(Limits::default()).feed(&[&good[..], b"0x1\r\n"].concat());
    let reason = Reason::ChunkSize;
    assert_eq!(refused, Err(Refused { pass: good.len(), reason, part: Part::Body }));
}

#[test]
fn bytes_behind_an_upgrade_are_a_tunnel_or_a_request_once_it_is_answered() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let waiting = || {
        let mut screen = Screen::new(Limits::default());
        let progress = screen.feed(&[&head[..], b"\0\n"].concat());
        assert_eq!(progress, Ok(Progress { pass: head.len() }));
        assert!(screen.is_waiting());
        assert_eq!(screen.feed(b"\0\n"), Ok(Progress { pass: 0 }), "still no answer");
        screen
    };
    let mut tunnel = waiting();
    tunnel.upgraded();
    assert_eq!(tunnel.feed(b"\0\n"), Ok(Progress { pass: 2 }));
    tunnel.not_upgraded();
    assert_eq!(tunnel.feed(b"\0\n"), Ok(Progress { pass: 2 }), "a tunnel stays one");

    let mut refused = waiting();
    refused.not_upgraded();
    assert!(refused.is_between_requests());
    assert_eq!(refused.feed(b"\0\n").unwrap_err().reason, Reason::BareLf);

    let mut early = Screen::new(Limits::default());
    early.upgraded();
    assert!(early.feed(b"\0\n").is_err(), "nobody asked for a tunnel");
}

#[test]
fn a_reason_has_a_word_of_its_own() {
    let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    let is_label =
        |word: &&str| word.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    assert!(words.iter().all(is_label), "{words:?}");
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Reason::ALL.len());
}

/// Pieces of requests, good and bad, that mean something where they land by chance.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n",
        b"POST /p HTTP/1.0\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"GET http://a/ HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"Host: a\r\n\r\n",
        b"Content-Length: 5\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b"3;x=\"y\"\r\nabc\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"abcde",
        b" ",
        b"\0",
    ];
    prop::collection::vec(prop::sample::select(words), 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn where_the_bytes_were_cut_does_not_matter(
        bytes in pieces(),
        cuts in prop::collection::vec(1_usize..30, 1..20),
    ) {
        let limits = Limits { head_bytes: 90, header_lines: 4, chunk_line_bytes: 12, trailer_bytes: 20 };
        let whole = Screen::new(limits).feed(&bytes);

        let mut screen = Screen::new(limits);
        let mut passed = 0;
        let mut cuts = cuts.iter().cycle();
        let pieces = loop {
            let rest = &bytes[passed..];
            let piece = &rest[..rest.len().min(*cuts.next().unwrap())];
            match screen.feed(piece) {
                Ok(progress) => passed += progress.pass,
                Err(refused) => break Err(Refused { pass: passed + refused.pass, ..refused }),
            }
            if screen.is_waiting() || passed == bytes.len() {
                break Ok(Progress { pass: passed });
            }
        };
        match (whole, pieces) {
            (Err(whole), Err(pieces)) => {
                prop_assert_eq!((whole.reason, whole.part), (pieces.reason, pieces.part));
                prop_assert!(whole.pass <= pieces.pass);
                // What the pieces let by beyond that is one section without its end.
                let mut screen = Screen::new(limits);
                prop_assert!(screen.feed(&bytes[..pieces.pass]).is_ok());
                prop_assert!(pieces.pass == whole.pass || !screen.is_between_requests());
            }
            (whole, pieces) => prop_assert_eq!(whole, pieces),
        }
    }
}
