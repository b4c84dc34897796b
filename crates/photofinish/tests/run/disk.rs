//! A store that is away, and a disk that is full.

use crate::support::{House, finish, finish_child, text, until};
use std::process::{Command, Stdio};

#[test]
fn a_store_that_is_away_gets_its_reports_when_it_is_back() {
    let house = House::new();
    // A folder where the file should be: it cannot be opened.
    std::fs::create_dir(house.store()).unwrap();
    let mut command = house.run(&[], &["races=5", "say=raced", "sleep=1200"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("reports in the spool", || {
        house.spool().exists() && crate::support::printed(&house.spool()) == 5
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::remove_dir(house.store()).unwrap();
    let output = finish_child(run);
    let talk = text(&output.stderr);
    assert_eq!(house.counted(), 5, "{talk}");
    assert_eq!(talk.matches("the store takes no reports").count(), 1, "said once: {talk}");
    assert!(talk.contains("the store takes reports again"), "{talk}");
}

#[test]
fn a_store_that_stays_away_leaves_the_reports_to_the_next_run() {
    let house = House::new();
    std::fs::create_dir(house.store()).unwrap();
    let flags = ["--store-timeout=200ms", "--restart=no"];
    let output = finish(&mut house.run(&flags, &["races=5", "panic=boom"]));
    let talk = text(&output.stderr);
    assert!(talk.contains("stay in the spool"), "{talk}");
    std::fs::remove_dir(house.store()).unwrap();
    house.next_run();
    assert_eq!(house.counted(), 6);
    assert!(house.runs().is_empty());
}

#[test]
fn on_a_full_disk_the_reserve_makes_room_for_the_reports() {
    let house = House::new();
    let spool = house.spool();
    std::fs::create_dir(&spool).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=40m tmpfs {spool} || exit 77
         {run} run --restart=no --store {store} --spool {spool} -- {racer} \
           say=ready sleep=1500 races=300 &
         while ! [ -e {spool}/ballast ]; do sleep 0.02; done; sleep 0.3
         dd if=/dev/zero of={spool}/filler bs=64k 2>/dev/null; df -k {spool} >&2
         wait $!; echo status $?",
        spool = spool.display(),
        store = house.store().display(),
        run = crate::support::PHOTOFINISH,
        racer = crate::support::racer().display(),
    );
    let mut command = Command::new("unshare");
    let output = finish(command.args(["-m", "sh", "-c", &script]));
    if output.status.code() == Some(77) || text(&output.stderr).contains("Operation not permitted")
    {
        eprintln!("skipped: mounting a small disk needs root (CAP_SYS_ADMIN)");
        return;
    }
    let talk = text(&output.stderr);
    assert!(talk.contains("gave up the reserve"), "{talk}");
    assert_eq!(text(&output.stdout), "status 66\n", "{talk}");
    assert_eq!(house.counted(), 300, "{talk}");
}
