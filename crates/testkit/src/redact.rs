//! Takes the accidents out of a text, so that a snapshot of it holds tomorrow: addresses,
//! goroutine numbers, durations, and whatever the test names (folders, ports).

/// `text` with each `(from, to)` of `names` replaced, then addresses as `0xADDR`, goroutine and
/// process numbers as `N`, and `1.25s`, `17ms`, … as `TIME`.
pub fn redact(text: &str, names: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in names {
        text = text.replace(from, to);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        let starts_word =
            !redacted.ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let taken = if starts_word { accident(rest) } else { None };
        match taken {
            Some((length, instead)) => {
                redacted.push_str(&instead);
                rest = &rest[length..];
            }
            None => {
                redacted.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    redacted
}

/// If `text` starts with an accident: how many bytes of it, and what to say instead.
fn accident(text: &str) -> Option<(usize, String)> {
    if let Some(hex) = text.strip_prefix("0x") {
        let digits = count(hex, |byte| byte.is_ascii_hexdigit());
        return (digits > 0).then(|| (2 + digits, "0xADDR".to_owned()));
    }
    for word in ["goroutine ", "Goroutine ", "pid "] {
        if let Some(number) = text.strip_prefix(word) {
            let digits = count(number, |byte| byte.is_ascii_digit());
            return (digits > 0).then(|| (word.len() + digits, format!("{word}N")));
        }
    }
    let digits = count(text, |byte| byte.is_ascii_digit() || byte == b'.');
    if digits == 0 || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let unit =
        ["ns", "µs", "us", "ms", "s"].into_iter().find(|unit| text[digits..].starts_with(unit))?;
    let after = text[digits + unit.len()..].chars().next();
    (!after.is_some_and(char::is_alphanumeric)).then(|| (digits + unit.len(), "TIME".to_owned()))
}

fn count(text: &str, wanted: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| wanted(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn addresses_goroutines_and_durations_are_accidents() {
        assert_eq!(
            redact(
                "Write at 0x00c000014088 by goroutine 7:\n  main.f()\n      /src/a.go:15 +0x3c",
                &[]
            ),
            "Write at 0xADDR by goroutine N:\n  main.f()\n      /src/a.go:15 +0xADDR"
        );
        assert_eq!(
            redact("took 1.25s, then 17ms and 3µs (pid 44)", &[]),
            "took TIME, then TIME and TIME (pid N)"
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for text in [
            "10 requests",
            "utf8s",
            "v1.26.8",
            "5 seconds",
            "3sx",
            "goroutine leak",
            "0xyz",
            "…1",
            "",
        ] {
            assert_eq!(redact(text, &[]), text);
        }
    }

    #[test]
    fn names_are_replaced_first() {
        assert_eq!(
            redact("/tmp/x1/bin at 127.0.0.1:9", &[("/tmp/x1", "DIR"), (":9", ":PORT")]),
            "DIR/bin at 127.0.0.1:PORT"
        );
    }
}
