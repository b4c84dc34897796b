//! What a person decides about findings: all of them in one transaction, each with a line of history.
//!
//! Which decision leads where is `lifecycle`'s to say. Start at [`Store::change`].

use crate::database::{Database, DatabaseError, values};
use crate::error::StoreError;
use crate::lifecycle::{Event, State, next};
use crate::open::Store;
use crate::read::{json_error, state_at, word};
use jiff::Timestamp;
use photofinish_model::Fingerprint;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody knows of it.
    Acknowledge,
    /// Nothing more of it until some time.
    Mute {
        /// Until when.
        until: Timestamp,
    },
    /// It is repaired.
    Fix {
        /// The first build with the repair.
        fixed_in: Option<String>,
    },
    /// It will not be repaired.
    WontFix,
    /// What was decided is taken back.
    Reopen,
    /// It is theirs. The state stays.
    Assign {
        /// Teams or people; none: to be worked out again from CODEOWNERS.
        owners: Vec<String>,
    },
}

/// Who decided, why and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a decision did to one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Where it stood.
    pub from: State,
    /// Where it stands now.
    pub to: State,
}

impl Store {
    /// Does `action` to each of `fingerprints`, or to none of them.
    ///
    /// # Errors
    /// A finding is unknown, the action makes no sense for one, or it could not be written.
    pub fn change(
        &mut self,
        fingerprints: &[Fingerprint],
        action: &Action,
        decision: &Decision,
    ) -> Result<Vec<Changed>, StoreError> {
        let error = self.error("change");
        let transaction = self.database.begin().map_err(&error)?;
        let mut changes = Vec::new();
        for fingerprint in fingerprints {
            let (id, from) = current(&transaction, fingerprint, decision.at, &error)?;
            let to = match action.event() {
                Some(event) => next(from, event).map_err(|cause| StoreError::Refused {
                    fingerprint: fingerprint.clone(),
                    cause,
                })?,
                None => from,
            };
            match action {
                Action::Assign { owners } => {
                    let json = serde_json::to_string(owners)
                        .map_err(|cause| json_error(fingerprint, cause))?;
                    assign(&transaction, id, &json, !owners.is_empty())
                }
                _ => move_to(&transaction, id, to, action, decision.at),
            }
            .and_then(|()| write_history(&transaction, id, from, to, action, decision))
            .map_err(&error)?;
            changes.push(Changed { fingerprint: fingerprint.clone(), from, to });
        }
        transaction.commit().map_err(&error)?;
        Ok(changes)
    }
}

impl Action {
    fn event(&self) -> Option<Event> {
        match self {
            Action::Acknowledge => Some(Event::Acknowledge),
            Action::Mute { .. } => Some(Event::Mute),
            Action::Fix { .. } => Some(Event::Fix),
            Action::WontFix => Some(Event::WontFix),
            Action::Reopen => Some(Event::Reopen),
            Action::Assign { .. } => None,
        }
    }

    /// What the history says beside the reason.
    fn note(&self) -> String {
        match self {
            Action::Mute { until } => format!("muted until {until}"),
            Action::Fix { fixed_in: Some(build) } => format!("fixed in {build}"),
            Action::WontFix => "will not be fixed".to_owned(),
            Action::Assign { owners } if owners.is_empty() => "owner left to CODEOWNERS".to_owned(),
            Action::Assign { owners } => format!("owned by {}", owners.join(" ")),
            Action::Acknowledge | Action::Fix { fixed_in: None } | Action::Reopen => String::new(),
        }
    }
}

/// The row of a finding and its state at `at`.
fn current(
    database: &Database,
    fingerprint: &Fingerprint,
    at: Timestamp,
    error: impl Fn(DatabaseError) -> StoreError,
) -> Result<(i64, State), StoreError> {
    let sql = concat!("SELECT id, ", state_at!("?2"), " FROM finding WHERE fingerprint = ?1");
    let found: Option<(i64, String)> = database
        .row(sql, values![fingerprint.as_str(), at.as_millisecond()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(error)?;
    let (id, state) = found.ok_or_else(|| StoreError::Unknown { id: fingerprint.to_string() })?;
    Ok((id, word(&state, fingerprint)?))
}

fn move_to(
    database: &Database,
    id: i64,
    to: State,
    action: &Action,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    let muted_until = match action {
        Action::Mute { until } => Some(until.as_millisecond()),
        _ => None,
    };
    let (closed_at, fixed_in) = match action {
        Action::Fix { fixed_in } => (Some(at.as_millisecond()), fixed_in.as_deref()),
        _ => (None, None),
    };
    database.write(
        "UPDATE finding SET state = ?2, muted_until = ?3, closed_at = ?4, fixed_in = ?5 WHERE id = ?1",
        values![id, to.word(), muted_until, closed_at, fixed_in],
    )
}

fn assign(
    database: &Database,
    id: i64,
    owners: &str,
    by_person: bool,
) -> Result<(), DatabaseError> {
    database.write(
        "UPDATE finding SET owners = ?2, owners_assigned = ?3 WHERE id = ?1",
        values![id, owners, by_person],
    )
}

fn write_history(
    database: &Database,
    id: i64,
    from: State,
    to: State,
    action: &Action,
    decision: &Decision,
) -> Result<(), DatabaseError> {
    let parts = [action.note(), decision.why.clone()];
    let why: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    database.write(
        "INSERT INTO change (finding, at, from_state, to_state, who, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        values![
            id,
            decision.at.as_millisecond(),
            from.word(),
            to.word(),
            &decision.by,
            why.join(": ")
        ],
    )
}
