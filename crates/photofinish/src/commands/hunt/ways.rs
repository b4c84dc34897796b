//! How a hunt looks for races: how race builds get their traffic, and whether the normal build is looked at. What was
//! asked for, else what can be had here.

use super::WaysArgs;
use crate::config::{CompareWhat, Config, Percent, Way};
use crate::output::error::Hint;
use anyhow::Context;
use photofinish_hunt::{Compared, Proxied, Service, Share, Ways};
use photofinish_supervise::history;

/// Memory below which one race build is enough.
const FOR_TWO: u64 = 1 << 30;

/// What `catch` may spend in a hunt: nobody is served, so more than in production.
const CATCH_BUDGET: Percent = Percent(0.05);

/// The ways, the budget of `catch` if that is one of them, and what a person should know of them.
pub(super) fn ways(
    args: &WaysArgs,
    config: &Config,
    service: &Service,
) -> anyhow::Result<(Ways, Option<Percent>, Vec<String>)> {
    let asked = match args.ways.is_empty() {
        true => config.hunt.ways.clone(),
        false => Some(args.ways.clone()),
    };
    let is_caught = asked.as_ref().is_none_or(|ways| ways.contains(&Way::Catch));
    let budget = args.catch.or(config.hunt.catch).unwrap_or(CATCH_BUDGET);
    let catch = Some(budget).filter(|budget| is_caught && budget.0 > 0.0);
    let race_builds = asked.map(|mut ways| {
        ways.retain(|way| *way != Way::Catch);
        ways
    });
    let is_alone = race_builds.as_ref().is_some_and(Vec::is_empty);
    if is_alone && catch.is_some() && obstacle(service).is_none() {
        let none = Proxied { canary: Share::NONE, mirror: Share::NONE, ..proxied(args, config) };
        return Ok((Ways::Proxied(none), catch, Vec::new()));
    }
    let (ways, notes) = race_build_ways(args, config, service, race_builds)?;
    Ok((ways, catch, notes))
}

fn race_build_ways(
    args: &WaysArgs,
    config: &Config,
    service: &Service,
    asked: Option<Vec<Way>>,
) -> anyhow::Result<(Ways, Vec<String>)> {
    let obstacle = obstacle(service);
    match (asked, obstacle) {
        (Some(ways), None) => chosen(args, config, &ways).map(|ways| (ways, Vec::new())),
        (Some(ways), Some(obstacle)) => match chosen(args, config, &ways)? {
            Ways::Alone => Ok((Ways::Alone, Vec::new())),
            Ways::Proxied(_) => Err(anyhow::anyhow!("{obstacle}")).context(Hint(
                "say --arg=-addr=127.0.0.1:{port} or --env PORT={port}, as the service takes it, or --ways load".to_owned(),
            )),
        },
        (None, Some(obstacle)) => {
            Ok((Ways::Alone, vec![format!("one build at a time, since {obstacle}")]))
        }
        (None, None) => Ok(possible(args, config, history::available(None).bytes)),
    }
}

/// Why builds cannot run side by side behind the proxy.
fn obstacle(service: &Service) -> Option<&'static str> {
    if service.place.scheme != "http" {
        Some("the proxy that hunt puts in front of several speaks http, and the service https")
    } else if !service.takes_a_port() {
        Some(
            "several need ports of their own, and no argument or variable of the service says {port}",
        )
    } else {
        None
    }
}

fn chosen(args: &WaysArgs, config: &Config, ways: &[Way]) -> anyhow::Result<Ways> {
    if ways.contains(&Way::Load) {
        if ways.iter().any(|way| *way != Way::Load) {
            anyhow::bail!(
                "the way `load` has the machine alone, and others were asked for beside it"
            );
        }
        return Ok(Ways::Alone);
    }
    let mut proxied = proxied(args, config);
    if !ways.contains(&Way::Canary) {
        proxied.canary = Share::NONE;
    }
    if !ways.contains(&Way::Mirror) {
        proxied.mirror = Share::NONE;
    }
    if (proxied.canary, proxied.mirror) == (Share::NONE, Share::NONE) {
        return Err(anyhow::anyhow!("no race build would get any traffic")).context(Hint(
            "give canary or mirror a share above 0%, or say --ways load".to_owned(),
        ));
    }
    Ok(Ways::Proxied(proxied))
}

fn possible(args: &WaysArgs, config: &Config, memory: u64) -> (Ways, Vec<String>) {
    let mut proxied = proxied(args, config);
    if (proxied.canary, proxied.mirror) == (Share::NONE, Share::NONE) {
        return (Ways::Alone, Vec::new());
    }
    let mut notes = Vec::new();
    if memory < FOR_TWO && proxied.canary != Share::NONE && proxied.mirror != Share::NONE {
        proxied.canary = Share::NONE;
        notes.push(format!("no canary beside the mirror: only {} MiB of memory", memory >> 20));
    }
    (Ways::Proxied(proxied), notes)
}

fn proxied(args: &WaysArgs, config: &Config) -> Proxied {
    let default = Proxied::default();
    let share = |share: Percent| Share::ppm((share.0 * f64::from(Share::WHOLE)).round() as u32);
    let hunt = &config.hunt;
    Proxied {
        canary: args.canary.or(hunt.canary).map_or(default.canary, share),
        mirror: args.mirror.or(hunt.mirror).map_or(default.mirror, share),
        compare: match args.compare.or(hunt.compare) {
            Some(CompareWhat::Off) => None,
            Some(CompareWhat::Shape) => Some(Compared::Shape),
            Some(CompareWhat::Values) => Some(Compared::Values),
            None => default.compare,
        },
        resend: hunt.resend.unwrap_or(default.resend),
        gate: hunt.gate.map_or(default.gate, |span| span.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use photofinish_hunt::Place;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const NOTHING: WaysArgs =
        WaysArgs { ways: Vec::new(), canary: None, mirror: None, catch: None, compare: None };

    fn service(url: &str, arg: &str) -> Service {
        Service {
            name: "api".to_owned(),
            args: vec![arg.to_owned()],
            env: BTreeMap::new(),
            place: Place::parse(url).unwrap(),
            ready: None,
            ready_timeout: Duration::from_secs(1),
        }
    }

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_service_that_takes_its_port_gets_a_canary_and_a_mirror() {
        let service = service("http://127.0.0.1:8080/", "-addr=:{port}");
        let (ways, catch, notes) = ways(&NOTHING, &Config::default(), &service).unwrap();
        let Ways::Proxied(proxied) = ways else { panic!("{ways:?}") };
        assert_eq!((proxied.canary, proxied.mirror), (Share::ppm(250_000), Share::ALL));
        assert_eq!(catch, Some(CATCH_BUDGET));
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn one_that_cannot_run_twice_is_hunted_one_build_at_a_time_and_that_is_said() {
        for (url, arg) in [("http://127.0.0.1:8080/", "-v"), ("https://127.0.0.1:1/", "{port}")] {
            let (ways, _, notes) = ways(&NOTHING, &Config::default(), &service(url, arg)).unwrap();
            assert_eq!((ways, notes.len()), (Ways::Alone, 1), "{url}");
        }
    }

    #[test]
    fn ways_that_cannot_be_had_are_refused_with_what_to_give() {
        let config = config("[hunt]\nways = [\"canary\"]");
        let error = ways(&NOTHING, &config, &service("http://127.0.0.1:1/", "-v")).unwrap_err();
        assert!(format!("{error:#}").contains("{port}"), "{error:#}");
    }

    #[test]
    fn flags_choose_over_the_file_and_0_percent_leaves_a_way_out() {
        let config = config("[hunt]\nways = [\"load\"]\ncanary = \"5%\"");
        let args = WaysArgs {
            ways: vec![Way::Canary, Way::Mirror],
            mirror: Some(Percent(0.0)),
            ..NOTHING
        };
        let service = service("http://127.0.0.1:1/", "{port}");
        let (ways, catch, _) = ways(&args, &config, &service).unwrap();
        let Ways::Proxied(proxied) = ways else { panic!("{ways:?}") };
        assert_eq!((proxied.canary, proxied.mirror), (Share::ppm(50_000), Share::NONE));
        assert_eq!(catch, None, "it was not asked for");
    }

    #[test]
    fn catch_alone_needs_no_race_build_and_0_percent_leaves_it_out() {
        let service = service("http://127.0.0.1:1/", "{port}");
        let config = config("[hunt]\nways = [\"catch\"]\ncatch = \"2%\"");
        let (alone, catch, _) = ways(&NOTHING, &config, &service).unwrap();
        let Ways::Proxied(proxied) = alone else { panic!("{alone:?}") };
        assert_eq!((proxied.canary, proxied.mirror), (Share::NONE, Share::NONE));
        assert_eq!(catch, Some(Percent(0.02)));
        let nothing = WaysArgs { catch: Some(Percent(0.0)), ..NOTHING };
        assert!(ways(&nothing, &config, &service).is_err(), "nobody would look");
    }

    #[test]
    fn no_race_build_at_all_and_load_beside_others_make_no_sense() {
        let service = service("http://127.0.0.1:1/", "{port}");
        for text in ["ways = [\"canary\"]\ncanary = \"0%\"", "ways = [\"load\", \"mirror\"]"] {
            assert!(ways(&NOTHING, &config(&format!("[hunt]\n{text}")), &service).is_err());
        }
    }

    #[test]
    fn little_memory_is_for_one_race_build() {
        let (ways, notes) = possible(&NOTHING, &Config::default(), 700 << 20);
        let Ways::Proxied(proxied) = ways else { panic!("{ways:?}") };
        assert_eq!((proxied.canary, proxied.mirror), (Share::NONE, Share::ALL));
        assert!(notes[0].contains("700 MiB"), "{notes:?}");
    }
}
