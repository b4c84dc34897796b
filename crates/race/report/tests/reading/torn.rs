//! Reports that share their pipe: with a chatty program, with a crash, with another process.

use crate::samples::{names, sample};
use crate::{cut, read};

const REPORT: &str = "\
==================
WARNING: DATA RACE
Read at 0x00c00011e050 by goroutine 11:
  main.(*Cart).Add()
      /home/ci/shop/main.go:11 +0x39
  main.main.func2()
      /home/ci/shop/main.go:24 +0x12

Previous write at 0x00c00011e050 by goroutine 9:
  main.(*Cart).Drop()
      /home/ci/shop/main.go:15 +0x64

Goroutine 11 (running) created at:
  main.main()
      /home/ci/shop/main.go:24 +0x434

Goroutine 9 (finished) created at:
  main.serve()
      /home/ci/shop/main.go:21 +0x434
==================
";

const READ: &str = "\
race
  read 0xc00011e050 g11 running: main.(*Cart).Add main.go:11 | main.main.func2 main.go:24 < main.main main.go:24
  write 0xc00011e050 g9 finished: main.(*Cart).Drop main.go:15 < main.serve main.go:21";

#[test]
fn foreign_lines_may_stand_anywhere() {
    let foreign = [
        r#"{"time":"2026-11-21T21:43:09Z","level":"INFO","msg":"request"}"#,
        "2026/11/21 21:43:09 main.go:31: handled in 3ms (cached)",
        "listening on 127.0.0.1:8080",
        "I1121 21:43:09.1 1 server.go:12] calling handler()",
        "goroutine pool: 12 idle",
        "",
        "    --- PASS: TestX (0.00s)",
    ];
    for line in foreign {
        let mixed: String =
            REPORT.lines().map(|own| format!("{own}\n{line}\n{line} again\n")).collect();
        assert_eq!(read(&mixed), READ, "with {line}");
    }
}

#[test]
fn half_lines_are_glued_in_front_of_frames_and_heads() {
    let glued: String = REPORT
        .split_inclusive("+0x39\n")
        .map(|part| part.replace("  main.main.func2()", "{\"level\":\"INFO\"}  main.main.func2()"))
        .collect();
    assert_eq!(read(glued.replacen("====", "0====", 1)), READ);
    assert_eq!(
        read(REPORT.replace(
            "WARNING: DATA RACE\n",
            "WARNING: DATA RACE2026-11-21T10:00:00 DEBUG miss\n\n"
        )),
        READ
    );
    assert_eq!(read(REPORT.replace("WARNING", "cache missWARNING")), READ);
    assert_eq!(read(REPORT.replace("Read at", "{\"level\":\"INFO\"}Read at")), READ);
    assert_eq!(read(REPORT.replace("Goroutine 11", "12:00 missGoroutine 11")), READ);
}

#[test]
fn an_access_line_is_cut_in_two() {
    let line = r#"{"time":"2026-11-21T21:42:56Z","msg":"request"}"#;
    let torn = REPORT.replace("by goroutine 9:", &format!("by {line}\n{line}\ngoroutine 9:"));
    assert_eq!(read(torn), READ);
    let torn =
        REPORT.replace("by goroutine 11:", "by 2026 DEBUG cache miss\n2026 DEBUG hitgoroutine 11:");
    assert_eq!(read(torn), READ);
    let torn = REPORT.replace("by goroutine 11:", "by \ngoroutine 11:");
    assert_eq!(read(torn), READ);
    let both = REPORT
        .replace("by goroutine 11:", &format!("by {line}\ngoroutine 11:"))
        .replace("by goroutine 9:", &format!("by {line}\ngoroutine 9:"));
    assert_eq!(read(&both), READ);
    let doubled: String = both.lines().map(|line| format!("{line}\n{line}\n")).collect();
    assert_eq!(read(doubled), READ);
}

#[test]
fn a_report_cut_anywhere_is_kept_as_partial_if_it_has_an_access() {
    for end in 0..REPORT.len() {
        let text = read(&REPORT[..end]);
        let told = REPORT[..end].contains(" by");
        assert_eq!(!text.is_empty(), told, "cut at {end}: {text}");
        if told && end < REPORT.len() - 1 {
            assert!(text.starts_with("partial: race\n  read 0xc00011e050"), "cut at {end}: {text}");
        }
        assert_eq!(text, cut(&REPORT[..end], 3));
    }
    insta::assert_snapshot!(read("WARNING: DATA RACE\nRead at 0x00c000014088 by goroutine 7:\n"), @r"
    partial: race
      read 0xc000014088 g7: no stack
    ");
}

#[test]
fn a_report_without_its_head_is_partial() {
    let tail = |from: &str| &REPORT[REPORT.find(from).unwrap()..];
    assert_eq!(read(tail("WARNING")), READ);
    assert_eq!(read(tail("Read at")), format!("partial: {READ}"));
    insta::assert_snapshot!(read(tail("Previous write")), @r"
    partial: race
      write 0xc00011e050 g9 finished: main.(*Cart).Drop main.go:15 < main.serve main.go:21
    ");
    assert_eq!(read(tail("Goroutine 11")), "");
    assert_eq!(read(tail("  main.main.func2")), read(tail("Previous write")));
}

#[test]
fn a_report_that_a_crash_cut_short_is_followed_by_others() {
    let torn = &REPORT[..REPORT.find("Goroutine 9").unwrap()];
    let text = format!("{torn}{REPORT}{REPORT}");
    let first = READ.replace(" g9 finished", " g9").replace(" < main.serve main.go:21", "");
    assert_eq!(read(&text), format!("partial: {first}\n\n{READ}\n\n{READ}"));
    let torn = &REPORT[..REPORT.find("  main.main.func2").unwrap()];
    insta::assert_snapshot!(read(format!("{torn}panic: out of stock\n\ngoroutine 1 [running]:\nmain.main()\n\t/home/ci/shop/main.go:9 +0x1\nexit status 2\n")), @r"
    partial: race
      read 0xc00011e050 g11: main.(*Cart).Add main.go:11

    panic: out of stock
      read g1 running: main.main main.go:9
    ");
}

#[test]
fn two_processes_share_a_pipe() {
    let other = REPORT
        .replace("11e050", "22f060")
        .replace("goroutine 11", "goroutine 31")
        .replace("Goroutine 11", "Goroutine 31")
        .replace("goroutine 9", "goroutine 28")
        .replace("Goroutine 9", "Goroutine 28");
    // Whole frames and headers are single writes: the processes take turns between them.
    let writes = |text: &str| -> Vec<String> {
        let mut writes: Vec<String> = Vec::new();
        for line in text.lines() {
            match line.starts_with("      ") {
                true => writes.last_mut().unwrap().push_str(&format!("{line}\n")),
                false => writes.push(format!("{line}\n")),
            }
        }
        writes
    };
    let (ours, theirs) = (writes(REPORT), writes(&other));
    for shift in 0..3 {
        // Sections alternate: each is printed between two of the other process's.
        let mut mixed = String::new();
        let mut rest = theirs.iter();
        for (n, write) in ours.iter().enumerate() {
            mixed.push_str(write);
            if n >= shift && write == "\n" {
                for write in rest.by_ref() {
                    mixed.push_str(write);
                    if write == "\n" {
                        break;
                    }
                }
            }
        }
        rest.for_each(|write| mixed.push_str(write));
        let addresses = |text: &str| {
            let mut found: Vec<_> = text.lines().map(str::to_owned).collect();
            found.sort();
            found
        };
        let both = format!("{}\n\n{}", read(REPORT), read(&other));
        assert_eq!(addresses(&read(&mixed)), addresses(&both), "{mixed}");
    }
}

#[test]
fn two_containers_take_turns_line_by_line() {
    for (first, second) in [
        ("fares-race-go1.24", "worker-go1.24"),
        ("crash-mapread-all-go1.26", "generic-go1.24"),
        ("tsan-heap-gcc12", "stock-go1.21"),
    ] {
        let (a, b) =
            (String::from_utf8(sample(first)).unwrap(), String::from_utf8(sample(second)).unwrap());
        let (mut left, mut right) = (a.lines(), b.lines());
        let mut mixed = String::new();
        loop {
            let (one, two) = (left.next(), right.next());
            if one.is_none() && two.is_none() {
                break;
            }
            one.into_iter().for_each(|line| mixed.push_str(&format!("worker-1  | {line}\n")));
            two.into_iter().for_each(|line| mixed.push_str(&format!("worker-2  | {line}\n")));
        }
        let races = |text: &str| {
            let mut races: Vec<_> = text.split("\n\n").map(str::to_owned).collect();
            races.sort();
            races
        };
        assert_eq!(races(&read(&mixed)), races(&format!("{}\n\n{}", read(&a), read(&b))));
    }
}

#[test]
fn every_sample_survives_a_chatty_neighbour() {
    for name in names() {
        let plain = String::from_utf8(sample(&name)).unwrap();
        if name.contains("json") || name.contains("none") {
            continue;
        }
        let chatty: String = plain
            .lines()
            .enumerate()
            .map(|(n, line)| format!("{line}\n{{\"level\":\"INFO\",\"msg\":\"request {n}\"}}\n10:00:01 main.go:{n}: ok (a.b)\n"))
            .collect();
        assert_eq!(read(&chatty), read(&plain), "{name}");
    }
}

#[test]
fn a_program_that_dies_and_starts_over_prints_the_same_torn_report_again() {
    let torn = "WARNING: DATA RACE\nRead at 0x10 by goroutine 7:\n";
    assert_eq!(read(torn.repeat(5)).matches("partial: race").count(), 5);
}
