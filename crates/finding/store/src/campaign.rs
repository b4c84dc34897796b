//! What hunts and catches came to: one row each, with the findings they saw.
//!
//! Start at [`Store::record_campaign`] and [`Store::campaigns`].

use crate::database::{DatabaseError, Row, values};
use crate::error::StoreError;
use crate::open::Store;
use crate::read::{from_millis, unsigned};
use jiff::Timestamp;
use photofinish_model::Fingerprint;
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
        let write = || {
            let transaction = self.database.begin()?;
            transaction.write(
                "INSERT INTO campaign (id, kind, service, host, started, ended, found, figures)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET kind = ?2, service = ?3, host = ?4, started = ?5,
                     ended = ?6, found = ?7, figures = ?8",
                values![
                    &campaign.id,
                    &campaign.kind,
                    &campaign.service,
                    &campaign.host,
                    campaign.started.as_millisecond(),
                    campaign.ended.as_millisecond(),
                    serde_json::to_string(&campaign.found)?,
                    serde_json::to_string(&campaign.figures)?,
                ],
            )?;
            transaction.commit()
        };
        write().map_err(self.error("record"))
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
            let total =
                self.database.one("SELECT count(*) FROM campaign", &[], |row| row.get(0))?;
            let campaigns = self.database.rows(
                "SELECT id, kind, service, host, started, ended, found, figures FROM campaign
                 ORDER BY ended DESC, id LIMIT ?1 OFFSET ?2",
                values![limit, offset],
                campaign,
            )?;
            Ok((unsigned(total), campaigns))
        };
        read().map_err(self.error("read"))
    }

    /// What the finding with this id is called; `None` if there is no such finding.
    ///
    /// # Errors
    /// It could not be read.
    pub fn title(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        let sql = "SELECT title FROM finding WHERE fingerprint = ?1";
        self.database
            .row(sql, values![fingerprint.as_str()], |row| row.get(0))
            .map_err(self.error("read"))
    }
}

fn campaign(row: &Row) -> Result<Campaign, DatabaseError> {
    let (found, figures): (String, String) = (row.get(6)?, row.get(7)?);
    Ok(Campaign {
        id: row.get(0)?,
        kind: row.get(1)?,
        service: row.get(2)?,
        host: row.get(3)?,
        started: from_millis(row.get(4)?),
        ended: from_millis(row.get(5)?),
        found: serde_json::from_str(&found)?,
        figures: serde_json::from_str(&figures)?,
    })
}
