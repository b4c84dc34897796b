//! Both formats as vegeta's users write them, and what is wrong with a line.

use super::*;

fn targets(text: &str) -> Result<Vec<Request>, String> {
    parse(text, Path::new("targets.txt"), Some("http://127.0.0.1:80"))
        .map_err(|error| error.to_string())
}

#[test]
fn the_http_format_has_request_lines_headers_comments_and_body_files() {
    let body = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&body, b"\x00body").unwrap();
    let text = format!(
        "# a comment\nGET http://a:1/x?y=1\nX-A: 1\nX-A: 2\n\n\nPOST http://b:2/\n# inside\n\
         Content-Type: text/plain\n@{}\nDELETE /of/the/base\n",
        body.path().display()
    );
    let all = targets(&text).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0], Request::get("http://a:1/x?y=1").header("X-A", "1").header("X-A", "2"));
    assert_eq!(all[1].body, b"\x00body");
    assert_eq!(
        (all[2].method.as_str(), all[2].url.as_str()),
        ("DELETE", "http://127.0.0.1:80/of/the/base")
    );
}

#[test]
fn the_json_format_has_an_object_a_line() {
    let text = "{\"method\":\"POST\",\"url\":\"http://a/\",\"body\":\"aGVsbG8=\",\"header\":{\"X\":[\"1\",\"2\"]}}\n\n\
                {\"method\":\"GET\",\"url\":\"http://b/\",\"body\":null,\"header\":null}\n";
    let all = targets(text).unwrap();
    assert_eq!(all[0].body, b"hello");
    assert_eq!(all[0].headers.len(), 2);
    assert_eq!(all[1], Request::get("http://b/"));
}

#[test]
fn a_line_that_makes_no_sense_is_named_with_its_file_and_number() {
    let cases = [
        ("GET http://a/\n\nnonsense\n", "targets.txt:3: \"nonsense\" is not METHOD URL"),
        (
            "GET http://a/\nno header\n",
            "targets.txt:2: \"no header\" is not NAME: VALUE or @BODYFILE",
        ),
        (
            "GET http://a/\n@/no/such/file\n",
            "targets.txt:2: cannot read /no/such/file: No such file",
        ),
        ("GET ftp://a/\n", "targets.txt:1: cannot use the URL \"ftp://a/\""),
        (
            "{\"method\":\"GET\",\"url\":\"http://a/\"}\n{\"method\":1}\n",
            "targets.txt:2: method is not a string",
        ),
        ("{\"url\":\"http://a/\"}\n", "targets.txt:1: the method is missing"),
        (
            "{\"method\":\"GET\",\"url\":\"http://a/\",\"body\":\"%%\"}",
            "targets.txt:1: body is not base64",
        ),
        (
            "{\"method\":\"GET\",\"url\":\"http://a/\",\"header\":{\"X\":\"1\"}}",
            "targets.txt:1: header \"X\"",
        ),
        ("{broken\n", "targets.txt:1: not a JSON object"),
        ("# nothing\n", "targets.txt:1: there is no target in the file"),
    ];
    for (text, expected) in cases {
        let problem = targets(text).unwrap_err();
        assert!(problem.starts_with(expected), "{problem:?} does not begin with {expected:?}");
    }
    assert!(
        parse("GET /x\n", Path::new("t"), None).unwrap_err().to_string().contains("names no host")
    );
}
