//! Which differences mean something: a place that nearly always differs is nondeterminism (a random
//! id), one that differs now and then is how a race looks.
//!
//! Every place that ever differed is counted by route: how often it was there to be compared, how
//! often it differed. Its first difference is *held back* until the place was compared
//! [`Limits::compared_before`] times; then it is told, or the place is noisy. Telling at once and
//! taking it back later was the alternative: it would make a finding of every random id there is.
//! The price: what differs on a route that is seldom asked for is never told, only counted
//! ([`Figures::held`]). A place may change its standing later: old counts weigh less and less.
//!
//! Start at [`Learner::note`].

mod place;

use super::json::places_in;
use super::{Answer, Comparison, Difference, Head, MOST_PLACES, Place, Route, Rules, Skip, body};
use place::{PlaceSeen, Standing};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How much a [`Learner`] remembers, and when it makes up its mind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How often a place is compared before anything is said of it.
    pub compared_before: u32,
    /// A place is noisy if it differs in more than this share of the answers that have it. One in four:
    /// two elements in a random order (a Go map's) differ in one of two.
    pub noise_above: f64,
    /// Routes remembered. Where all of them have differed, the differences of others are counted, not told.
    pub routes: usize,
    /// Places remembered of a route.
    pub places: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { compared_before: 20, noise_above: 0.25, routes: 1024, places: 64 }
    }
}

/// A difference worth a person's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Of which requests.
    pub route: Route,
    /// Where, and what both said.
    pub difference: Difference,
    /// The request, as given to [`Learner::note`]: not to be kept where values are hidden.
    pub request: String,
    /// The primary's status and media type.
    pub primary: Head,
    /// The mirror's.
    pub mirror: Head,
    /// Answers of this route compared so far.
    pub compared: u64,
    /// In how many of them this place differed.
    pub differed: u64,
}

/// What a [`Learner`] has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Pairs of answers that were compared.
    pub compared: u64,
    /// Those that were the same.
    pub same: u64,
    /// Those that differed anywhere.
    pub different: u64,
    /// Those that could not be compared, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// Differences told.
    pub told: u64,
    /// Differences in places known as noisy.
    pub noisy: u64,
    /// Places that are noisy now.
    pub noisy_places: u64,
    /// Places held back now: compared too seldom.
    pub held: u64,
    /// Differences of routes or places beyond the limits.
    pub overflow: u64,
}

/// Learns from comparisons, one after the other.
#[derive(Debug, Default)]
pub struct Learner {
    limits: Limits,
    routes: HashMap<Route, RouteSeen>,
    figures: Figures,
}

#[derive(Debug, Default)]
struct RouteSeen {
    compared: u64,
    places: HashMap<Place, PlaceSeen>,
}

impl Learner {
    /// Knows nothing yet.
    pub fn new(limits: Limits) -> Learner {
        Learner { limits, ..Learner::default() }
    }

    /// Takes in what comparing both answers to a request of `route` came to; answers with what is to
    /// be told because of it. `request` is the request for a person, `GET /orders/17?x=1`.
    pub fn note(
        &mut self,
        rules: &Rules,
        route: &Route,
        request: &str,
        (primary, mirror): (&Answer, &Answer),
        comparison: &Comparison,
    ) -> Vec<Differing> {
        let differences: &[Difference] = match comparison {
            Comparison::Skipped(skip) => {
                *self.figures.skipped.entry(*skip).or_default() += 1;
                return Vec::new();
            }
            Comparison::Same => &[],
            Comparison::Different(differences) => differences,
        };
        self.figures.compared += 1;
        match differences.is_empty() {
            true => self.figures.same += 1,
            false => self.figures.different += 1,
        }
        if !self.routes.contains_key(route) && !self.make_room(!differences.is_empty()) {
            self.figures.overflow += differences.len() as u64;
            return Vec::new();
        }
        let seen = self.routes.entry(route.clone()).or_default();
        seen.compared += 1;
        for place in seen.places_there(rules, primary, differences) {
            if let Some(place) = seen.places.get_mut(&place) {
                place.count(false);
            }
        }
        let differing = |difference: &Difference| Differing {
            route: route.clone(),
            difference: difference.clone(),
            request: request.to_owned(),
            primary: primary.head(),
            mirror: mirror.head(),
            compared: 0,
            differed: 0,
        };
        let mut told = Vec::new();
        for difference in differences {
            match seen.differs(difference, &self.limits, differing) {
                Some(Standing::Held(_)) => {}
                Some(Standing::Told) => told.push(differing(difference)),
                Some(Standing::Noisy) => self.figures.noisy += 1,
                None => self.figures.overflow += 1,
            }
        }
        for place in seen.places.values_mut() {
            told.extend(place.judge(&self.limits));
        }
        for differing in &mut told {
            let place = seen.places.get(&differing.difference.at);
            differing.compared = seen.compared;
            differing.differed = place.map_or(1, |place| place.differed_ever);
        }
        self.figures.told += told.len() as u64;
        told
    }

    /// Whether one more route can be remembered. Scanners ask for routes that nobody else does, so
    /// one that differs takes the place of the least asked for that never did.
    fn make_room(&mut self, differs: bool) -> bool {
        if self.routes.len() < self.limits.routes {
            return true;
        }
        let quiet = self.routes.iter().filter(|(_, seen)| differs && seen.places.is_empty());
        let least = quiet.min_by_key(|(_, seen)| seen.compared).map(|(route, _)| route.clone());
        least.is_some_and(|route| self.routes.remove(&route).is_some())
    }

    /// What it has seen so far.
    pub fn figures(&self) -> Figures {
        let places = || self.routes.values().flat_map(|route| route.places.values());
        let count = |is: fn(&Standing) -> bool| places().filter(|p| is(&p.standing)).count() as u64;
        Figures {
            noisy_places: count(|standing| matches!(standing, Standing::Noisy)),
            held: count(|standing| matches!(standing, Standing::Held(_))),
            ..self.figures.clone()
        }
    }

    /// The noisy places by route, for a person who writes rules.
    pub fn noisy(&self) -> Vec<(&Route, &Place)> {
        let mut noisy: Vec<(&Route, &Place)> = Vec::new();
        for (route, seen) in &self.routes {
            let places = seen.places.iter();
            let places = places.filter(|(_, place)| matches!(place.standing, Standing::Noisy));
            noisy.extend(places.map(|(place, _)| (route, place)));
        }
        noisy.sort_by_key(|(route, place)| (*route, place.to_string()));
        noisy
    }
}

impl RouteSeen {
    /// Counts a difference and says how its place stands; `None` where there is no room for one more.
    fn differs(
        &mut self,
        difference: &Difference,
        limits: &Limits,
        differing: impl FnOnce(&Difference) -> Differing,
    ) -> Option<&Standing> {
        let has_room = self.places.len() < limits.places;
        match self.places.entry(difference.at.clone()) {
            Entry::Vacant(_) if !has_room => None,
            Entry::Vacant(vacant) => {
                Some(&vacant.insert(PlaceSeen::first(differing(difference))).standing)
            }
            Entry::Occupied(occupied) => {
                let place = occupied.into_mut();
                place.count(true);
                Some(&place.standing)
            }
        }
    }

    /// The known places that this answer has and that do not differ in it. A field that only one
    /// answer in ten has, and that differs in each of those, is noisy all the same.
    fn places_there(
        &self,
        rules: &Rules,
        primary: &Answer,
        differences: &[Difference],
    ) -> Vec<Place> {
        // More may differ than is named, so nothing is known of the others.
        if differences.len() >= MOST_PLACES {
            return Vec::new();
        }
        let differs = |place: &Place| differences.iter().any(|difference| difference.at == *place);
        let known = || self.places.keys().filter(|place| !differs(place));
        let mut there = Vec::new();
        let mut paths = HashSet::new();
        // What stands in front of a place may have ended the comparison before it.
        let is_cut_short = differs(&Place::Status);
        let is_other_type = differences.iter().any(|difference| difference.at.is_content_type());
        for place in known() {
            match place {
                Place::Status => there.push(place.clone()),
                _ if is_cut_short => {}
                Place::Header(name) if primary.headers.contains_key(name) => {
                    there.push(place.clone());
                }
                Place::Header(name) if primary.trailers.contains_key(name) => {
                    there.push(place.clone());
                }
                Place::Header(_) => {}
                _ if is_other_type => {}
                Place::Body if !primary.body.is_empty() => there.push(place.clone()),
                Place::Body => {}
                Place::Json(path) => {
                    paths.insert(path.as_str());
                }
            }
        }
        if let (false, Some(tree)) = (paths.is_empty(), body::json_of(rules, primary)) {
            let found = places_in(&tree, &paths).into_iter();
            there.extend(found.map(|path| Place::Json(path.to_owned())));
        }
        there
    }
}
