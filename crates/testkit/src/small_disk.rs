//! A disk that gets full: a tmpfs in a mount namespace of our own, in which the test runs a second time.

use std::io::Write;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "PHOTOFINISH_SMALL_DISK";
const PLAY: &str = "mount -t tmpfs -o size=$2 tmpfs \"$PHOTOFINISH_SMALL_DISK\" || exit 77; exec \"$0\" --exact \"$1\" --nocapture";

/// Runs `play` with a folder on a disk of `size` (as mount(8) writes it: `8m`). `me` is the calling test as the
/// harness names it (`module::the_test`). Where nothing may be mounted, says so on stderr.
///
/// # Panics
/// When `play` does.
#[track_caller]
pub fn on_small_disk(me: &str, size: &str, play: impl FnOnce(&Path)) {
    on_disk("-rm", me, size, play);
}

/// As [`on_small_disk`], with all users of the machine on it, for a server that refuses to be root; only root may do that.
///
/// # Panics
/// When `play` does.
#[track_caller]
pub fn on_small_disk_of_all(me: &str, size: &str, play: impl FnOnce(&Path)) {
    on_disk("-m", me, size, play);
}

#[track_caller]
fn on_disk(namespaces: &str, me: &str, size: &str, play: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return play(Path::new(&folder));
    }
    let folder = crate::temp_dir();
    let program = std::env::current_exe();
    let program = program.unwrap_or_else(|cause| panic!("cannot tell where the test is: {cause}"));
    let output = Command::new("unshare")
        .args([namespaces, "sh", "-c", PLAY])
        .arg(program)
        .args([me, size])
        .env(FOLDER, folder.path())
        .output();
    match output {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let is_forbidden = said.contains("unshare failed");
            if output.status.code() == Some(77) || is_forbidden {
                let _ = writeln!(std::io::stderr(), "skipped: may not mount a tmpfs: {said}");
                return;
            }
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(cause) => {
            let _ = writeln!(std::io::stderr(), "skipped: cannot start unshare: {cause}");
        }
    }
}

/// Takes all the room that is left on the disk of a folder, until the value is dropped.
///
/// # Panics
/// When the file cannot be made.
#[track_caller]
pub fn fill_disk(folder: &Path) -> Ballast {
    let path = folder.join("ballast");
    let file = std::fs::File::create(&path);
    let mut file = file.unwrap_or_else(|cause| panic!("cannot make {}: {cause}", path.display()));
    for piece in [64 << 10, 1 << 10] {
        let zeros = vec![0; piece];
        while file.write_all(&zeros).is_ok() {}
    }
    Ballast(path)
}

/// A file that is removed when dropped.
#[derive(Debug)]
pub struct Ballast(std::path::PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = std::fs::remove_file(&self.0);
    }
}
