//! What hunts and catches came to: one row each, with the findings they saw.
//!
//! Start at [`Store::record_campaign`] and [`Store::campaigns`].

use crate::error::StoreError;
use crate::open::Store;
use crate::read::{from_millis, unsigned};
use jiff::Timestamp;
use photofinish_model::Fingerprint;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// A hunt or a catch that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Names it for good: recorded again it replaces itself.
    pub id: String,
    /// `hunt`, `catch`.
    pub kind: String,
    /// What was looked at.
    pub service: String,
    /// Where.
    pub host: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What it saw, in the order of first sighting.
    pub found: Vec<CampaignFound>,
    /// What else there is to say, name and value.
    pub figures: Vec<(String, String)>,
}

/// A finding that a campaign saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFound {
    /// The finding's.
    pub id: String,
    /// Never seen before.
    pub new: bool,
    /// It had been thought repaired.
    pub regressed: bool,
}

impl Store {
    /// Keeps what a campaign came to.
    ///
    /// # Errors
    /// It could not be written.
    pub fn record_campaign(&mut self, campaign: &Campaign) -> Result<(), StoreError> {
        let json = |value: serde_json::Result<String>| {
            value.map_err(|cause| rusqlite::Error::ToSqlConversionFailure(cause.into()))
        };
        let write = || {
            self.connection.execute(
                "INSERT OR REPLACE INTO campaign (id, kind, service, host, started, ended, found, figures)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    campaign.id,
                    campaign.kind,
                    campaign.service,
                    campaign.host,
                    campaign.started.as_millisecond(),
                    campaign.ended.as_millisecond(),
                    json(serde_json::to_string(&campaign.found))?,
                    json(serde_json::to_string(&campaign.figures))?,
                ],
            )
        };
        write().map(|_| ()).map_err(self.error("record"))
    }

    /// Campaigns, the one that ended last in front, and how many there are.
    ///
    /// # Errors
    /// They could not be read.
    pub fn campaigns(
        &self,
        offset: usize,
        limit: usize,
    ) -> Result<(u64, Vec<Campaign>), StoreError> {
        let [offset, limit] = [offset, limit].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let read = || {
            let total: i64 =
                self.connection.query_row("SELECT count(*) FROM campaign", [], |row| row.get(0))?;
            let campaigns = self
                .connection
                .prepare_cached(
                    "SELECT id, kind, service, host, started, ended, found, figures FROM campaign
                     ORDER BY ended DESC, id LIMIT ?1 OFFSET ?2",
                )?
                .query_map(params![limit, offset], campaign)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((unsigned(total), campaigns))
        };
        read().map_err(self.error("read"))
    }

    /// What the finding with this id is called; `None` if there is no such finding.
    ///
    /// # Errors
    /// It could not be read.
    pub fn title(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT title FROM finding WHERE fingerprint = ?1")
            .and_then(|mut statement| {
                statement.query_row([fingerprint.as_str()], |row| row.get(0)).optional()
            })
            .map_err(self.error("read"))
    }
}

fn campaign(row: &Row<'_>) -> rusqlite::Result<Campaign> {
    let wrong = |column: usize| {
        move |cause: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
        }
    };
    let (found, figures): (String, String) = (row.get(6)?, row.get(7)?);
    Ok(Campaign {
        id: row.get(0)?,
        kind: row.get(1)?,
        service: row.get(2)?,
        host: row.get(3)?,
        started: from_millis(row.get(4)?),
        ended: from_millis(row.get(5)?),
        found: serde_json::from_str(&found).map_err(wrong(6))?,
        figures: serde_json::from_str(&figures).map_err(wrong(7))?,
    })
}
