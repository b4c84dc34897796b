//! `--check`.

use crate::support::{File, run, text};

#[test]
fn a_configuration_is_told_in_words_without_opening_anything() {
    // Nobody could listen on this address: nothing is opened.
    let file = File::new(
        "[proxy]\nlisten = \"192.0.2.1:80\"\nstable = \"http://127.0.0.1:9001\"\n\
         canary = { to = \"http://127.0.0.1:9002\" }\n",
    );
    let checked = run(&["-c", &file.name(), "--check"]);
    assert_eq!(checked.status.code(), Some(0));
    let said = text(&checked.stdout);
    for part in ["192.0.2.1:80", "http://127.0.0.1:9002", "2% of the requests"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(checked.stderr.is_empty());
}

#[test]
fn a_mistake_ends_with_2_and_names_its_line() {
    let file =
        File::new("[proxy]\nstable = \"http://127.0.0.1:9001\"\n[proxy.canary]\nshare = \"2%\"\n");
    let checked = run(&["-c", &file.name(), "--check"]);
    assert_eq!(checked.status.code(), Some(2));
    let said = text(&checked.stderr);
    assert!(
        said.contains("line 3: `proxy.canary.to` is missing") && said.contains("try: "),
        "{said}"
    );
    assert!(checked.stdout.is_empty());
}

#[test]
fn a_certificate_that_cannot_be_read_is_a_mistake() {
    let file = File::new(
        "[proxy]\nstable = \"127.0.0.1:9001\"\ntls = { certificate = \"cert.pem\", key = \"key.pem\" }\n",
    );
    let checked = run(&["-c", &file.name(), "--check"]);
    assert_eq!(checked.status.code(), Some(2));
    // Paths are seen from the file's folder.
    let certificate = file.folder().join("cert.pem").display().to_string();
    assert!(text(&checked.stderr).contains(&certificate), "{}", text(&checked.stderr));
}
