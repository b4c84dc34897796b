//! The part of an address behind `?`: which findings, in which order, which page.
//!
//! What it says is in the address, so that a link can be shared. A word that is not known is left out
//! rather than refused: an old link shows more, never nothing.

use form_urlencoded::{Serializer, parse};
use jiff::{SignedDuration, Timestamp};
use photofinish_model::Pattern;
use photofinish_store::{Filter, Order, Page, Source, State};

/// Findings on a page.
pub(crate) const PAGE: usize = 50;
/// Findings at most that a program may ask for at once.
const MOST: usize = 500;
/// Days of the small plots.
pub(crate) const PLOT_DAYS: i64 = 14;

/// Lengths of time to choose from, and what they are called.
pub(crate) const SINCE: &[(&str, &str, i64)] = &[
    ("1h", "last hour", 1),
    ("24h", "last 24 hours", 24),
    ("7d", "last 7 days", 7 * 24),
    ("30d", "last 30 days", 30 * 24),
];

/// Orders to choose from, and what they are called.
pub(crate) const ORDERS: &[(&str, &str, Order)] = &[
    ("", "needs a decision", Order::Urgent),
    ("last", "seen last", Order::LastSeen),
    ("first", "newest", Order::FirstSeen),
    ("count", "seen most often", Order::Count),
];

/// Which findings somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ListQuery {
    pub(crate) search: String,
    pub(crate) states: Vec<State>,
    pub(crate) sources: Vec<Source>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) services: Vec<String>,
    pub(crate) owners: Vec<String>,
    /// One of [`SINCE`].
    pub(crate) since: Option<&'static str>,
    pub(crate) order: Order,
    /// From 1.
    pub(crate) page: usize,
    pub(crate) limit: Option<usize>,
}

impl ListQuery {
    pub(crate) fn parse(query: &str) -> ListQuery {
        let mut list = ListQuery { page: 1, ..ListQuery::default() };
        for (name, value) in parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match name.as_ref() {
                "q" => list.search = value.to_owned(),
                "state" => list.states.extend(value.parse::<State>()),
                "source" => list.sources.extend(value.parse::<Source>()),
                "pattern" => list.patterns.extend(value.parse::<Pattern>()),
                "service" => list.services.push(value.to_owned()),
                "owner" => list.owners.push(value.to_owned()),
                "since" => {
                    list.since = SINCE.iter().map(|(word, ..)| *word).find(|word| *word == value);
                }
                "sort" => {
                    let known = ORDERS.iter().find(|(word, ..)| *word == value);
                    list.order = known.map_or(Order::Urgent, |(.., order)| *order);
                }
                "page" => list.page = value.parse().unwrap_or(1).clamp(1, 1_000_000),
                "limit" => list.limit = value.parse().ok().map(|n: usize| n.clamp(1, MOST)),
                _ => {}
            }
        }
        list
    }

    /// Back into the part of an address.
    pub(crate) fn to_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        query.extend_pairs(self.states.iter().map(|state| ("state", state.word())));
        query.extend_pairs(self.sources.iter().map(|source| ("source", source.word())));
        query.extend_pairs(self.patterns.iter().map(|pattern| ("pattern", pattern.word())));
        query.extend_pairs(self.services.iter().map(|service| ("service", service)));
        query.extend_pairs(self.owners.iter().map(|owner| ("owner", owner)));
        if let Some(since) = self.since {
            query.append_pair("since", since);
        }
        if let Some((word, ..)) = ORDERS.iter().find(|(.., order)| *order == self.order)
            && !word.is_empty()
        {
            query.append_pair("sort", word);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        query.finish()
    }

    /// The address of the list.
    pub(crate) fn link(&self) -> String {
        match self.to_query() {
            query if query.is_empty() => "/findings".to_owned(),
            query => format!("/findings?{query}"),
        }
    }

    pub(crate) fn filter(&self, now: Timestamp) -> Filter {
        let hours = self.since.and_then(|since| {
            SINCE.iter().find(|(word, ..)| *word == since).map(|(.., hours)| *hours)
        });
        Filter {
            states: self.states.clone(),
            sources: self.sources.clone(),
            patterns: self.patterns.clone(),
            services: self.services.clone(),
            owners: self.owners.clone(),
            since: hours.and_then(|hours| now.checked_sub(SignedDuration::from_hours(hours)).ok()),
            words: self.search.split_whitespace().take(16).map(str::to_owned).collect(),
        }
    }

    pub(crate) fn page(&self, now: Timestamp) -> Page {
        let limit = self.limit.unwrap_or(PAGE);
        Page {
            order: self.order,
            offset: (self.page - 1).saturating_mul(limit),
            limit,
            activity_since: Some(plot_since(now, PLOT_DAYS)),
        }
    }

    /// Whether anything but states is asked for.
    pub(crate) fn is_narrowed(&self) -> bool {
        !(self.search.is_empty()
            && self.sources.is_empty()
            && self.patterns.is_empty()
            && self.services.is_empty()
            && self.owners.is_empty()
            && self.since.is_none())
    }
}

/// The beginning of a plot of `days`.
pub(crate) fn plot_since(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_the_same_after_a_round_trip() {
        let query = "q=cart+%3Cscript%3E&state=new&state=regressed&source=canary&service=a%26b\
                     &owner=%40team&since=7d&sort=count&page=3";
        let list = ListQuery::parse(query);
        assert_eq!(list.states, [State::New, State::Regressed]);
        assert_eq!((list.search.as_str(), list.page), ("cart <script>", 3));
        assert_eq!(list.services, ["a&b"]);
        assert_eq!(ListQuery::parse(&list.to_query()), list);
        assert_eq!(ListQuery::parse("").link(), "/findings");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let list =
            ListQuery::parse("state=open&sort=x&page=-1&since=9y&limit=99999&pattern=&x=%ff");
        assert_eq!(list, ListQuery { page: 1, limit: Some(MOST), ..ListQuery::default() });
        assert_eq!(ListQuery::parse("page=0").page, 1);
        assert_eq!(ListQuery::parse("page=99999999999999999999").page, 1);
    }
}
