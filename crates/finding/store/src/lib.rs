//! Findings kept: many sightings of one race are one finding, with a state, an owner and a history.
//!
//! In: a [`NewSighting`], from whoever saw a race. Out: [`Finding`]s. They live in one SQLite file
//! that any number of processes may write at once, or in a Postgres. A sighting is counted once however often
//! it is delivered, and late delivery does not reopen what was fixed since.
//!
//! All SQL is in `schema`, `record`, `read`, `list`, `summary`, `news`, `campaign` and `change`. Not here: what makes two races one and
//! what sort of mistake a race is (`model`), spools and delivery (`supervise`), text for people
//! (the binary). Start at [`Store::open`], then [`Store::record`].

#![forbid(unsafe_code)]

mod campaign;
mod change;
mod database;
mod error;
mod figure;
mod filter;
mod finding;
mod job;
pub mod json;
mod later;
mod lifecycle;
mod list;
mod news;
mod open;
mod owners;
mod place;
mod read;
mod record;
mod schema;
mod sighting;
mod source;
mod summary;

pub use campaign::{Campaign, CampaignFound};
pub use change::{Action, Changed, Decision};
pub use database::DatabaseError;
pub use error::StoreError;
pub use figure::{Figure, FigureKind};
pub use filter::Filter;
pub use finding::{Change, Finding, Seen, title_of};
pub use job::{Job, Linked};
pub use lifecycle::{Event, Refused, State, next};
pub use list::{Choices, Listing, Order, Page, Totals};
pub use news::News;
pub use open::{Store, default_path};
pub use owners::{CodeOwners, OwnerRules, Repository};
pub use place::{PostgresUrl, StorePlace};
pub use sighting::{NewSighting, Recorded, Source};
pub use source::Sources;
pub use summary::Summary;
