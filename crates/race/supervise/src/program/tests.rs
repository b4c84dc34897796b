use super::{Program, ProgramError, parse_info};
use std::ffi::OsStr;

#[test]
fn a_program_that_is_not_there_is_told_from_one_that_may_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(Program::find(file.as_os_str()), Err(ProgramError::NotExecutable { .. })));
    assert!(matches!(
        Program::find(folder.path().join("none").as_os_str()),
        Err(ProgramError::Missing { .. })
    ));
    assert!(matches!(
        Program::find(OsStr::new("no-such-program")),
        Err(ProgramError::Missing { .. })
    ));
}

#[test]
fn a_shell_is_found_on_the_path_and_is_no_go_program() {
    let shell = Program::find(OsStr::new("sh")).unwrap();
    assert_eq!(shell.go, None);
    assert!(shell.doubt().unwrap().contains("not a Go program"));
    assert!(shell.build_name().starts_with("content-"));
}

#[test]
fn the_service_is_named_after_the_binary_without_its_race_ending() {
    let program = |path: &str| Program { path: path.into(), go: None, light: false }.service_name();
    assert_eq!(program("bin/api-race"), "api");
    assert_eq!(program("bin/api-race-light"), "api");
    assert_eq!(program("/usr/bin/worker"), "worker");
}

#[test]
fn build_information_is_read_from_its_lines() {
    let info = "0123456789abcdefpath\tshop/cmd/api\nmod\tshop\tv1.4.2\t\nbuild\t-race=true\nbuild\tvcs.revision=abcdef\n0123456789abcdef";
    let mut bytes = vec![0u8; 32];
    bytes[15] = 2;
    bytes.push(6);
    bytes.extend(b"go1.24");
    bytes.push((info.len() & 0x7f) as u8 | 0x80);
    bytes.push((info.len() >> 7) as u8);
    bytes.extend(info.bytes());
    let build = parse_info(&bytes).unwrap();
    assert!(build.race);
    assert_eq!(build.package, "shop/cmd/api");
    assert_eq!(build.version.as_deref(), Some("v1.4.2"));
    assert_eq!(build.revision.as_deref(), Some("abcdef"));
}
