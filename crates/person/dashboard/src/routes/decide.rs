//! What a person decides about a finding, by the page's form or by JSON.

use super::{body, pages};
use crate::app::App;
use crate::guard::is_marked;
use crate::reply::{Reply, Trouble, json, see_other};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use photofinish_store::json::FindingJson;
use photofinish_store::{Action, Decision, Finding};
use serde::Deserialize;
use std::sync::Arc;

/// A decision as it arrives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DecisionJson {
    /// `acknowledge`, `mute`, `fix`, `wont-fix`, `reopen`, `assign`.
    pub(crate) action: String,
    pub(crate) by: String,
    pub(crate) why: String,
    /// For `mute`: a time, a date, or a number of days.
    pub(crate) until: String,
    /// For `fix`.
    pub(crate) fixed_in: String,
    /// For `assign`; none: by CODEOWNERS.
    pub(crate) owners: Vec<String>,
}

pub(super) async fn by_form(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Reply {
    let (head, body) = request.into_parts();
    let mut fields = match body::form(body, &app.limits).await {
        Ok(fields) => fields,
        Err(trouble) => return trouble.page(),
    };
    let mut field = |name: &str| fields.remove(name).unwrap_or_default().trim().to_owned();
    if !is_marked(&app, &head.headers, &field("mark")) {
        let trouble = Trouble::new(StatusCode::FORBIDDEN, "this form is an old one, or not ours");
        return trouble.hint("go back, reload the page and try again").page();
    }
    let decision = DecisionJson {
        action: field("action"),
        by: field("by"),
        why: field("why"),
        until: field("until"),
        fixed_in: field("fixed_in"),
        owners: field("owners")
            .split([' ', ','])
            .filter(|o| !o.is_empty())
            .map(Into::into)
            .collect(),
    };
    match decide(&app, id.clone(), decision.clone()).await {
        Ok(finding) => {
            see_other(&format!("/findings/{}?done={}", finding.fingerprint, decision.action))
        }
        Err(trouble) if trouble.status == StatusCode::NOT_FOUND => trouble.page(),
        Err(trouble) => pages::refused(&app, &head.headers, id, &trouble, &decision).await,
    }
}

pub(super) async fn by_json(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    let decided = async {
        body::expect_json(&headers)?;
        let bytes = body::read(request.into_body(), 64 << 10, &app.limits).await?;
        decide(&app, id, body::json(&bytes)?).await
    };
    match decided.await {
        Ok(finding) => json(StatusCode::OK, &FindingJson::from(&finding)),
        Err(trouble) => trouble.json(),
    }
}

/// Does it, and reads what the finding is then.
async fn decide(app: &App, id: String, decision: DecisionJson) -> Result<Finding, Trouble> {
    let now = Timestamp::now();
    let action = action_of(&decision, now)
        .map_err(|problem| Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, problem))?;
    let decision = Decision { by: decision.by, why: decision.why, at: now };
    let finding = app
        .shelf
        .with(move |store| {
            let id = store.resolve(&id)?;
            store.change(std::slice::from_ref(&id), &action, &decision)?;
            store.finding(&id)
        })
        .await?;
    Ok(finding)
}

/// What was asked for, if it is whole: the same rules as on the command line.
fn action_of(decision: &DecisionJson, now: Timestamp) -> Result<Action, &'static str> {
    if decision.by.is_empty() {
        return Err("say who decides");
    }
    if decision.by.len() > 200 || decision.why.len() > 10_000 {
        return Err("that is too long");
    }
    let has_reason = !decision.why.is_empty();
    match decision.action.as_str() {
        "acknowledge" => Ok(Action::Acknowledge),
        "mute" if !has_reason => Err("say why it is muted"),
        "mute" => match until(&decision.until, now) {
            Some(until) if until > now => Ok(Action::Mute { until }),
            Some(_) => Err("the day it is muted until has passed"),
            None => Err("say until when it is muted, as a date: 2026-12-24"),
        },
        "fix" if decision.fixed_in.is_empty() && !has_reason => {
            Err("say in which build it is fixed, or why it is closed")
        }
        "fix" => {
            let build = Some(decision.fixed_in.clone()).filter(|build| !build.is_empty());
            Ok(Action::Fix { fixed_in: build })
        }
        "wont-fix" if !has_reason => Err("say why it will not be fixed"),
        "wont-fix" => Ok(Action::WontFix),
        "reopen" => Ok(Action::Reopen),
        "assign" => Ok(Action::Assign { owners: decision.owners.clone() }),
        _ => Err("say what to do: acknowledge, mute, fix, wont-fix, reopen or assign"),
    }
}

/// `2026-12-24` (its beginning, UTC), `2026-12-24T10:00:00Z`, `30` (days from now).
fn until(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(days) = text.parse::<u16>() {
        return now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok();
    }
    if let Ok(date) = text.parse::<civil::Date>()
        && text.len() == 10
    {
        return date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(action: &str, why: &str, until: &str) -> Result<Action, &'static str> {
        let decision = DecisionJson {
            action: action.into(),
            by: "mia".into(),
            why: why.into(),
            until: until.into(),
            ..DecisionJson::default()
        };
        action_of(&decision, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_hides_a_finding_needs_a_reason() {
        assert!(asked("mute", "", "1970-02-01").is_err());
        assert!(asked("wont-fix", "", "").is_err());
        assert!(asked("fix", "", "").is_err());
        assert_eq!(asked("acknowledge", "", ""), Ok(Action::Acknowledge));
        assert!(action_of(&DecisionJson::default(), Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn a_mute_ends_on_a_day_to_come() {
        for (text, ok) in [
            ("1970-02-01", true),
            ("1970-02-01T10:00:00Z", true),
            ("30", true),
            ("0", false),
            ("1969-12-31", false),
            ("soon", false),
            ("", false),
        ] {
            assert_eq!(asked("mute", "why", text).is_ok(), ok, "{text}");
        }
    }
}
