//! The pages: values in, HTML out. No request, no store, no clock.
//!
//! Everything from outside is text to the template, which escapes it; there is no raw HTML here.
//! Marks for the script: `data-live` is taken over from a newer page, the rest is left as the person
//! has it. `finding` is one finding, `list` all of them, `stack` and `plot` their parts.

mod campaigns;
mod decide;
mod finding;
mod list;
mod plot;
mod stack;
mod variants;
mod words;

pub(crate) use campaigns::{Campaigns, campaigns};
pub(crate) use finding::{Said, Shown, finding};
pub(crate) use list::list;
pub(crate) use variants::variants;

use crate::reply::Trouble;
use axum::http::StatusCode;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

/// What one can go to from anywhere.
const PAGES: &[(&str, &str)] =
    &[("/findings", "Findings"), ("/variants", "Variants"), ("/campaigns", "Campaigns")];

/// What every page needs to know.
pub(crate) struct Frame {
    pub(crate) now: Timestamp,
    /// What forms carry.
    pub(crate) mark: String,
    /// Somebody came in by the token.
    pub(crate) can_log_out: bool,
}

/// A whole page.
fn layout(title: &str, frame: Option<&Frame>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · photofinish" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/style.css";
                script src="/assets/app.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    nav aria-label="Pages" {
                        a.brand href="/findings" { "photofinish" }
                        @for (address, name) in PAGES {
                            a href=(address) aria-current=[(*name == title).then_some("page")] { (name) }
                        }
                    }
                    @if let Some(frame) = frame {
                        p.live id="live" { "Updates when you reload" }
                        @if frame.can_log_out {
                            form method="post" action="/logout" { button.quiet { "Log out" } }
                        }
                    }
                }
                p.sr id="news" role="status" {}
                main id="main" tabindex="-1" { (main) }
            }
        }
    }
}

/// What went wrong.
pub(crate) fn trouble(trouble: &Trouble) -> Markup {
    let told = &trouble.told;
    let main = html! {
        h1 { (trouble.status.as_u16()) " · " (words::sentence(&told.error)) }
        @if let Some(because) = &told.because { p { "Because: " (because) } }
        @if let Some(hint) = &told.hint { p { "Try: " (hint) } }
        p {
            @if trouble.status == StatusCode::UNAUTHORIZED { a href="/login" { "Log in" } }
            @else { a href="/findings" { "All findings" } }
        }
    };
    layout("Trouble", None, &main)
}

/// Asks for the token.
pub(crate) fn login(next: &str, was_wrong: bool) -> Markup {
    let main = html! {
        h1 { "Log in" }
        form.card.login method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            label for="token" { "Token" }
            input id="token" name="token" type="password" autocomplete="current-password"
                required autofocus aria-describedby="token-help";
            p.help id="token-help" {
                "It is in the file that " code { "photofinish serve --token-file" } " names."
            }
            @if was_wrong { p.wrong role="alert" { "This is not the token." } }
            button.primary { "Log in" }
        }
    };
    layout("Log in", None, &main)
}
