//! What every request can ask for.

use crate::error::ServeError;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::settings::{Limits, Settings};
use crate::shelf::Shelf;
use crate::source::Checkout;
use crate::token::{Signer, Token};
use crate::watched::Watching;
use jiff::Timestamp;
use photofinish_store::{Choices, Figure, StoreError, Totals};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How old the choices of the filters may be before they are found out again.
const CHOICES_AGE: Duration = Duration::from_secs(5);

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) shelf: Shelf,
    pub(crate) intake: Intake,
    pub(crate) changes: watch::Receiver<u64>,
    pub(crate) checkout: Checkout,
    pub(crate) metrics: Arc<Metrics>,
    started: Timestamp,
    pub(crate) token: Option<Token>,
    pub(crate) report_token: Option<Token>,
    pub(crate) signer: Signer,
    /// Cookies travel encrypted.
    pub(crate) is_secure: bool,
    pub(crate) limits: Limits,
    pub(crate) watching: Watching,
    choices: Mutex<Option<(Instant, Arc<Choices>)>>,
}

impl App {
    /// Opens the findings and starts the thread that writes sightings.
    pub(crate) fn start(settings: &Settings) -> Result<App, ServeError> {
        let shelf = Shelf::open(settings.store.clone(), settings.owner_rules.clone())?;
        let metrics = Arc::new(Metrics::default());
        let start = |what| move |cause| ServeError::Start { what, cause };
        Ok(App {
            intake: Intake::start(&shelf, settings.limits.intake, Arc::clone(&metrics))
                .map_err(start("collector"))?,
            changes: crate::changes::watch(&shelf)?,
            checkout: Checkout::new(settings.repository.clone(), settings.is_loopback()),
            metrics,
            started: Timestamp::now(),
            signer: Signer::new(settings.token.as_ref()).map_err(start("signer"))?,
            token: settings.token.clone(),
            report_token: settings.report_token.clone(),
            is_secure: settings.tls.is_some(),
            limits: settings.limits,
            watching: Watching::start(&settings.watched),
            choices: Mutex::default(),
            shelf,
        })
    }

    /// What is counted of ourselves, beside what the store holds.
    pub(crate) fn figures(&self, totals: &Totals) -> Vec<Figure> {
        self.metrics.figures(self.started, totals, &self.intake)
    }

    /// What there is to filter by, as it was when somebody asked before: among a million sightings it takes longer to find
    /// out than a page may, so nobody waits for it but the first.
    pub(crate) async fn choices(self: &Arc<Self>) -> Result<Arc<Choices>, StoreError> {
        let known = {
            let mut known = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
            known.as_mut().map(|(at, choices)| {
                let is_old = at.elapsed() >= CHOICES_AGE;
                if is_old {
                    // Others need not find out, too.
                    *at = Instant::now();
                }
                (is_old, Arc::clone(choices))
            })
        };
        let Some((is_old, choices)) = known else { return self.find_choices().await };
        if is_old {
            let app = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = app.find_choices().await {
                    tracing::debug!("what there is to filter by was not found out: {error}");
                }
            });
        }
        Ok(choices)
    }

    async fn find_choices(&self) -> Result<Arc<Choices>, StoreError> {
        let choices = Arc::new(self.shelf.with(|store| store.choices()).await?);
        let fresh = Some((Instant::now(), Arc::clone(&choices)));
        *self.choices.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(choices)
    }
}
