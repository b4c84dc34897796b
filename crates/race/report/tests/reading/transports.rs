//! Log shippers, terminals and mail: whatever they do to a report, it reads the same.
//!
//! Every real sample goes through every mangling, and has to come out as the plain one does.

use crate::read;
use crate::samples::{names, sample};

/// Mangles every sample with `mangle`; what is read must not change.
#[track_caller]
fn unharmed(mangle: impl Fn(&str) -> String) {
    let mut failed = Vec::new();
    for name in names() {
        let plain = String::from_utf8(sample(&name)).unwrap();
        let mangled = mangle(&plain);
        if read(&mangled) != read(&plain) {
            failed.push(format!(
                "{name}:\n{}\nshould be\n{}\nfrom\n{mangled}",
                read(&mangled),
                read(&plain)
            ));
        }
    }
    assert!(failed.is_empty(), "{} samples read differently\n{}", failed.len(), failed[0]);
}

/// Puts `prefix(n)` before each line.
fn prefixed(text: &str, prefix: impl Fn(usize) -> String) -> String {
    text.lines().enumerate().map(|(n, line)| format!("{}{line}\n", prefix(n))).collect()
}

/// A time of day that moves on by some microseconds per line.
fn clock(n: usize) -> String {
    format!("10:59:{:02}.{:06}", 57 + n / 40 % 3, n * 731 % 1_000_000)
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[test]
fn docker_compose_names_its_containers() {
    unharmed(|text| prefixed(text, |_| "shop-api-1  | ".into()));
}

#[test]
fn kubectl_names_pod_and_container() {
    unharmed(|text| prefixed(text, |_| "[pod/api-7d4b9c6f5-x2x9p/api] ".into()));
}

#[test]
fn journald_stamps_lines() {
    unharmed(|text| prefixed(text, |n| format!("Nov 21 10:00:{:02} web-1 api[4711]: ", n % 60)));
}

#[test]
fn github_actions_stamps_lines() {
    unharmed(|text| prefixed(text, |n| format!("2026-11-21T{}Z ", clock(n))));
    unharmed(|text| prefixed(text, |n| format!("test\tRun go test\t2026-11-21T{}Z ", clock(n))));
}

#[test]
fn klog_stamps_lines() {
    unharmed(|text| prefixed(text, |n| format!("E1121 {}   12345 run.go:72] ", clock(n))));
}

#[test]
fn zap_stamps_lines_with_tabs() {
    unharmed(|text| {
        prefixed(text, |n| format!("2026-11-21T{}+0100\tINFO\tchild/out.go:31\t", clock(n)))
    });
}

#[test]
fn grep_numbers_lines() {
    unharmed(|text| prefixed(text, |n| format!("{}:", n + 1)));
}

#[test]
fn mail_quotes_lines() {
    unharmed(|text| prefixed(text, |_| "> ".into()));
    unharmed(|text| prefixed(text, |_| ">> ".into()));
}

#[test]
fn containerd_says_stream_and_fullness() {
    unharmed(|text| prefixed(text, |n| format!("2026-11-21T{}456Z stderr F ", clock(n))));
}

#[test]
fn containerd_parts_are_joined() {
    unharmed(|text| {
        let mut log = String::new();
        for (n, line) in text.lines().enumerate() {
            let mut at = line.len() / 2;
            while !line.is_char_boundary(at) {
                at -= 1;
            }
            let stamp = format!("2026-11-21T{}456Z", clock(n));
            log.push_str(&format!("{stamp} stderr P {}\n", &line[..at]));
            log.push_str(&format!("{stamp} stdout F {{\"msg\":\"request\"}}\n"));
            log.push_str(&format!("{stamp} stderr F {}\n", &line[at..]));
        }
        log
    });
}

#[test]
fn docker_writes_json() {
    unharmed(|text| {
        let line = |(n, line): (usize, &str)| {
            let time = clock(n);
            format!(
                "{{\"log\":\"{}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T{time}Z\"}}\n",
                escape(line)
            )
        };
        text.lines().enumerate().map(line).collect()
    });
}

#[test]
fn go_test_writes_events_of_several_packages() {
    unharmed(|text| {
        let mut log = String::new();
        for (n, line) in text.lines().enumerate() {
            log.push_str(&format!(
                "{{\"Time\":\"2026-11-21T{}Z\",\"Action\":\"output\",\"Package\":\"x/y\",\"Test\":\"T{}\",\"Output\":\"{}\\n\"}}\n",
                clock(n), n % 3, escape(line)
            ));
            log.push_str("{\"Action\":\"output\",\"Package\":\"x/z\",\"Output\":\"  z.f()\\n\"}\n");
            log.push_str("{\"Action\":\"output\",\"Package\":\"x/z\",\"Output\":\"      /z.go:3 +0x11\\n\"}\n");
        }
        log
    });
}

#[test]
fn a_logger_writes_the_whole_report_into_one_string() {
    unharmed(|text| format!("{{\"level\":\"error\",\"msg\":\"{}\",\"n\":1}}\n", escape(text)));
    unharmed(|text| {
        format!("time=2026-11-21T10:00:00Z level=error msg=\"{}\" n=1\n", escape(text))
    });
    unharmed(|text| match text.starts_with('{') {
        true => text.to_owned(),
        false => format!("{}\n", escape(text)),
    });
}

#[test]
fn a_string_is_escaped_twice() {
    unharmed(|text| {
        let inner = format!("{{\"level\":\"error\",\"stderr\":\"{}\"}}", escape(text));
        format!("{{\"log\":\"{}\\n\",\"stream\":\"stderr\"}}\n", escape(&inner))
    });
}

#[test]
fn fluent_bit_prints_records() {
    unharmed(|text| {
        let line = |(n, line): (usize, &str)| {
            format!("[{n}] tail.0: [1763718000.{n:09}, {{\"log\"=>\"{}\"}}]\n", escape(line))
        };
        text.lines().enumerate().map(line).collect()
    });
}

#[test]
fn terminals_colour_lines() {
    unharmed(|text| text.lines().map(|line| format!("\x1b[31m{line}\x1b[0m\n")).collect());
}

#[test]
fn windows_ends_lines_with_crlf() {
    unharmed(|text| text.replace('\n', "\r\n"));
}

#[test]
fn powershell_writes_utf16() {
    for name in names() {
        let plain = String::from_utf8(sample(&name)).unwrap();
        for big in [false, true] {
            let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            let text = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
            let wide: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
            assert_eq!(read(&wide), read(&plain), "{name}");
            assert_eq!(read(&wide[2..]), read(&plain), "{name} without its mark");
        }
    }
}

#[test]
fn editors_turn_blanks_into_tabs_or_drop_them() {
    unharmed(|text| text.lines().map(|line| format!("{}\n", line.trim())).collect());
    unharmed(|text| text.replace("\n      ", "\n\t\t").replace("\n  ", "\n\t"));
    unharmed(|text| text.lines().map(|line| format!("\t\t{line}\n")).collect());
    unharmed(|text| match text.starts_with("====") && !text.contains("panic: ") {
        true => text.replace(' ', "\u{a0}"),
        false => text.to_owned(),
    });
}

#[test]
fn web_pages_have_entities() {
    unharmed(|text| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    });
    unharmed(|text| format!("<pre><code>{text}</code></pre>\n"));
}

#[test]
fn tee_doubles_every_line() {
    unharmed(|text| text.lines().map(|line| format!("{line}\n{line}\n")).collect());
    unharmed(|text| {
        let doubled = text.lines().flat_map(|line| [line, line]).collect::<Vec<_>>().join("\n");
        prefixed(&doubled, |n| format!("api-1  | {} ", clock(n)))
    });
}

#[test]
fn go_test_indents_what_a_test_logs() {
    unharmed(|text| {
        let indented = prefixed(text, |_| "        ".into());
        format!(
            "=== RUN   TestChild\n    child_test.go:31: child said\n{indented}--- FAIL: TestChild (0.01s)\n"
        )
    });
}

#[test]
fn wrappings_come_in_layers() {
    unharmed(|text| {
        let line = |(n, line): (usize, &str)| {
            let inner = format!("{{\"severity\":\"ERROR\",\"message\":\"{}\"}}", escape(line));
            format!("2026-11-21T{}1Z stderr F {inner}\n", clock(n))
        };
        text.lines().enumerate().map(line).collect()
    });
    unharmed(|text| {
        let line = |(n, line): (usize, &str)| {
            format!("api-1  | \x1b[36m2026-11-21T{}Z\x1b[0m | {line}\r\n", clock(n))
        };
        text.lines().enumerate().map(line).collect()
    });
}

#[test]
fn other_containers_log_between_all_lines() {
    unharmed(|text| {
        text.lines()
            .enumerate()
            .map(|(n, line)| {
                format!(
                    "api-1  | {line}\ndb-1  | checkpoint {n} done\nweb-1  | main.go:{n}: call()\n"
                )
            })
            .collect()
    });
}
