use super::*;
use photofinish_model::{Access, Detector, Kind, Op};

fn of(text: &str, path: &str) -> String {
    CodeOwners::parse(text).of(path).join(" ")
}

fn frame(function: &str, file: &str) -> Frame {
    Frame { file: Some(file.into()), ..Frame::new(function) }
}

#[test]
fn the_last_line_that_matches_wins() {
    let text = "* @all\n*.go @gophers\n/cart/ @cart\n";
    assert_eq!(of(text, "README.md"), "@all");
    assert_eq!(of(text, "pay/pay.go"), "@gophers");
    assert_eq!(of(text, "cart/cart.go"), "@cart");
}

#[test]
fn a_line_without_owners_clears() {
    let text = "* @all\n/generated/\n/generated/keep.go me@example.org # mine\n";
    assert_eq!(of(text, "generated/x.go"), "");
    assert_eq!(of(text, "generated/keep.go"), "me@example.org");
}

#[test]
fn patterns_match_as_github_says() {
    for (pattern, path, matches) in [
        ("*", "a/b/c.go", true),
        ("*.js", "x/y.js", true),
        ("*.js", "x/y.json", false),
        ("/build/logs/", "build/logs/a/b.log", true),
        ("/build/logs/", "x/build/logs/a.log", false),
        ("docs/*", "docs/getting-started.md", true),
        ("docs/*", "docs/build-app/troubleshooting.md", false),
        ("apps/", "x/apps/y/z.go", true),
        ("apps/", "apps", false),
        ("/docs/", "docs/a.md", true),
        ("/docs/", "x/docs/a.md", false),
        ("**/logs", "build/logs/a.log", true),
        ("**/logs", "deeply/nested/logs/a.log", true),
        ("**/logs", "logs/a.log", true),
        ("/apps/github", "apps/github/x.go", true),
        ("/apps/github", "apps/githubber/x.go", false),
        ("apps/github", "x/apps/github/x.go", false),
        ("/cmd/**/main.go", "cmd/main.go", true),
        ("/cmd/**/main.go", "cmd/a/b/main.go", true),
        ("/cmd/**", "cmd/a/b", true),
        ("/cmd/**", "cmd", false),
        ("/*", "go.mod", true),
        ("/*", "cmd/main.go", false),
        ("a?c.go", "abc.go", true),
        ("a?c.go", "ac.go", false),
        ("a?c.go", "x/a/c.go", false),
        ("cart", "x/cart/y.go", true),
        ("Cart/", "cart/y.go", false),
    ] {
        assert_eq!(of(&format!("{pattern} @o"), path) == "@o", matches, "{pattern} on {path}");
    }
}

#[test]
fn github_skips_the_lines_it_does_not_understand() {
    let text = "* @all\n!*.go @x\n*.[ch] @x\n\\#a @x\n*.go not-an-owner\n# *.go @x\n";
    for path in ["a.go", "a.c", "#a"] {
        assert_eq!(of(text, path), "@all", "{path}");
    }
}

#[test]
fn spaces_in_names_are_escaped() {
    assert_eq!(of("my\\ docs/ @o", "my docs/a.md"), "@o");
}

#[test]
fn every_section_of_gitlab_has_its_say() {
    let text = "* @all\n[Backend] @backend\n*.go\n/cart/ @cart\n^[Docs][2] @docs\n*.md\n\
        [BACKEND]\n!/cart/gen.go\n\\#x @hash\n";
    assert_eq!(of(text, "pay/pay.go"), "@all @backend");
    assert_eq!(of(text, "cart/cart.go"), "@all @cart");
    assert_eq!(of(text, "cart/gen.go"), "@all");
    assert_eq!(of(text, "README.md"), "@all @docs");
    assert_eq!(of(text, "#x"), "@all @hash");
}

#[test]
fn gitlab_ties_to_the_root_only_by_a_leading_slash() {
    let on = |pattern: &str, path: &str| of(&format!("[S]\n{pattern} @o"), path) == "@o";
    assert!(on("internal/README.md", "x/internal/README.md"));
    assert!(!on("/internal/README.md", "x/internal/README.md"));
    assert!(!on("/docs", "docs/a.md"), "a folder needs its slash");
    assert!(on("/docs/", "docs/x/a.md"));
    assert!(on("/docs/**/*.md", "docs/a.md"));
    assert!(!on("/docs/*.md", "docs/x/a.md"));
}

#[test]
fn hostile_patterns_take_no_time() {
    let pattern = format!("/{}b @o", "**/*a*/".repeat(200));
    assert_eq!(of(&pattern, &"a/".repeat(2000)), "");
    let stars = format!("{}b @o", "*a".repeat(500));
    assert_eq!(of(&stars, &"a".repeat(5000)), "");
}

#[test]
fn a_path_of_another_machine_is_found_in_the_checkout() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("svc/cmd/api")).unwrap();
    std::fs::write(dir.path().join("svc/cmd/api/main.go"), "package main").unwrap();
    std::fs::write(dir.path().join("svc/go.mod"), "// hi\nmodule example.org/shop // the shop\n")
        .unwrap();
    std::fs::write(dir.path().join("CODEOWNERS"), "* @all\n/svc/cart/ @cart\n").unwrap();
    let repository = Repository::around(&dir.path().join("svc/cmd")).unwrap();
    assert_eq!(repository.module.as_deref(), Some("example.org/shop"));
    let root = repository.root.display().to_string();
    for (function, file, expected) in [
        ("main.main", format!("{root}/svc/x.go"), Some("svc/x.go")),
        ("main.main", "example.org/shop/cmd/api/main.go".into(), Some("svc/cmd/api/main.go")),
        ("example.org/shop/cart.Add", "/ci/7/cart/cart.go".into(), Some("svc/cart/cart.go")),
        ("example.org/shop.Run", "/ci/7/run.go".into(), Some("svc/run.go")),
        ("main.main", "/home/ci/svc/cmd/api/main.go".into(), Some("svc/cmd/api/main.go")),
        ("example.org/shopping.Run", "/ci/7/run.go".into(), None),
        ("main.main", "../../etc/passwd".into(), None),
    ] {
        let relative = repository.relative(&frame(function, &file));
        assert_eq!(relative.as_deref(), expected, "{function} {file}");
    }
}

#[test]
fn two_teams_may_own_one_race() {
    let repository =
        Repository { module: Some("example.org/shop".into()), ..Repository::default() };
    let text = "/cart/ @cart @both\n/pay/ @both @pay\n";
    let rules = OwnerRules::new(CodeOwners::parse(text), repository);
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
    for (op, package) in [(Op::Write, "cart"), (Op::Read, "pay")] {
        let mut access = Access::new(op);
        let own = frame(&format!("example.org/shop/{package}.Do"), &format!("/b/{package}/x.go"));
        access.stack = Stack::from(vec![own]);
        race.accesses.push(access);
    }
    assert_eq!(rules.owners_of(&race), ["@cart", "@both", "@pay"]);
}
