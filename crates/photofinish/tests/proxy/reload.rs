//! SIGHUP.

use crate::support::{File, LONG, Proxy, Service};
use rustix::process::Signal;

fn configuration(stable: &Service) -> String {
    format!("[proxy]\nlisten = \"127.0.0.1:0\"\nstable = \"{}\"\n", stable.address)
}

#[test]
fn a_new_configuration_comes_into_force_and_a_wrong_one_does_not() {
    let (old, new) = (Service::start("old"), Service::start("new"));
    let file = File::new(&configuration(&old));
    let proxy = Proxy::start(&["-c", &file.name()]);
    assert_eq!(proxy.get("/").1, "old answers /");

    file.write(&format!("{}[proxy.canary]\nshare = \"2%\"\n", configuration(&new)));
    proxy.signal(Signal::HUP);
    proxy.program.wait_for_line(LONG, "the old one stays");
    proxy.program.wait_for_line(LONG, "line 4: `proxy.canary.to` is missing");
    assert_eq!(proxy.get("/").1, "old answers /");

    file.write(&configuration(&new));
    proxy.signal(Signal::HUP);
    proxy.program.wait_for_line(LONG, "is in force");
    assert_eq!(proxy.get("/").1, "new answers /");

    std::fs::remove_file(file.path()).unwrap();
    proxy.signal(Signal::HUP);
    proxy.program.wait_for_line(LONG, "cannot read");
    assert_eq!(proxy.get("/").1, "new answers /");
}

#[test]
fn what_only_a_restart_can_change_is_refused_whole() {
    let (old, new) = (Service::start("old"), Service::start("new"));
    let file = File::new(&configuration(&old));
    let proxy = Proxy::start(&["-c", &file.name()]);
    file.write(&configuration(&new).replace("127.0.0.1:0", "127.0.0.1:1"));
    proxy.signal(Signal::HUP);
    proxy.program.wait_for_line(LONG, "`proxy.listen` cannot change while the proxy runs");
    proxy.program.wait_for_line(LONG, "try: start a second proxy with --takeover");
    assert_eq!(proxy.get("/").1, "old answers /");
}
