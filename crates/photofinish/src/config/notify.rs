//! `[notify]`: who is told of new and regressed findings by `serve`.

use super::{Config, Span};
use anyhow::Context;
use photofinish_notify::{Kind, Pace, Receiver, Secret, Settings};
use photofinish_store::StorePlace;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Who is told, and how often.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NotifyConfig {
    /// Where people open the page; links begin so.
    pub(crate) page: Option<String>,
    /// So long is waited for more, to tell it together.
    pub(crate) group: Option<Span>,
    /// Between two messages to one receiver at least.
    pub(crate) every: Option<Span>,
    /// After a failure; doubled while it goes on failing.
    pub(crate) first_retry: Option<Span>,
    /// Between two tries at most.
    pub(crate) last_retry: Option<Span>,
    /// Between two messages with figures, to OpenTelemetry.
    pub(crate) metrics_every: Option<Span>,
    /// Who is told.
    pub(crate) webhook: Vec<WebhookConfig>,
}

/// Somebody who is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// How.
    #[serde(default)]
    pub(crate) kind: KindWord,
    /// Where.
    pub(crate) url: Option<String>,
    /// The file with the address, where that is a secret.
    pub(crate) url_file: Option<PathBuf>,
    /// The file with the word that signs.
    pub(crate) secret_file: Option<PathBuf>,
    /// Only of findings owned by one of these.
    #[serde(default)]
    pub(crate) owners: Vec<String>,
}

/// How somebody is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindWord {
    /// JSON of our own, signed.
    #[default]
    Generic,
    /// Slack's incoming webhooks.
    Slack,
    /// Alertmanager.
    Alertmanager,
    /// OpenTelemetry.
    Otlp,
}

impl Config {
    /// Who is to be told of the findings at `store`; `None` if nobody is.
    pub(crate) fn notify_settings(&self, store: &StorePlace) -> anyhow::Result<Option<Settings>> {
        let own = &self.notify;
        if own.webhook.is_empty() {
            return Ok(None);
        }
        let usual = Pace::default();
        let span = |span: Option<Span>, usual| span.map_or(usual, |span| span.0);
        Ok(Some(Settings {
            store: store.clone(),
            page: own.page.clone(),
            receivers: own
                .webhook
                .iter()
                .map(|one| self.receiver(one))
                .collect::<Result<_, _>>()?,
            pace: Pace {
                group: span(own.group, usual.group),
                every: span(own.every, usual.every),
                first_retry: span(own.first_retry, usual.first_retry),
                last_retry: span(own.last_retry, usual.last_retry),
                // Never without a pause.
                metrics_every: span(own.metrics_every, usual.metrics_every)
                    .max(Duration::from_millis(100)),
            },
        }))
    }

    fn receiver(&self, one: &WebhookConfig) -> anyhow::Result<Receiver> {
        let read = |path: &PathBuf| {
            let path = self.path(path);
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            anyhow::Ok(text.trim().to_owned())
        };
        let url = match (&one.url, &one.url_file) {
            (Some(url), None) => url.clone(),
            (None, Some(path)) => read(path)?,
            _ => anyhow::bail!("a webhook of `notify` needs either `url` or `url_file`"),
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            anyhow::bail!("the address of a webhook of `notify` begins with http:// or https://");
        }
        let secret = one.secret_file.as_ref().map(read).transpose()?;
        if secret.as_ref().is_some_and(String::is_empty) {
            anyhow::bail!("the `secret_file` of a webhook of `notify` is empty");
        }
        Ok(Receiver {
            kind: match one.kind {
                KindWord::Generic => Kind::Generic,
                KindWord::Slack => Kind::Slack,
                KindWord::Alertmanager => Kind::Alertmanager,
                KindWord::Otlp => Kind::Otlp,
            },
            url,
            secret: secret.map(Secret),
            owners: one.owners.clone(),
        })
    }
}
