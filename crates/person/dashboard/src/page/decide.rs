//! The form for decisions: who and why once, a button for each thing that can be done now.

use super::Frame;
use super::finding::{Said, Shown};
use crate::routes::DecisionJson;
use maud::{Markup, html};
use photofinish_store::{Event, next};

pub(super) fn decide(frame: &Frame, shown: &Shown) -> Markup {
    let finding = &shown.finding;
    let asked = match &shown.said {
        Said::Refused { decision, .. } => decision.as_ref().clone(),
        Said::Done(_) => DecisionJson::default(),
    };
    let can = |event: Event| next(finding.state, event).is_ok_and(|state| state != finding.state);
    let owners = match finding.owners_assigned {
        true => finding.owners.join(" "),
        false => String::new(),
    };
    html! {
        form.card.decide method="post" action=(format!("/findings/{}/actions", finding.fingerprint)) {
            input type="hidden" name="mark" value=(frame.mark);
            div.field { label for="by" { "Who" }
                input id="by" name="by" value=(asked.by) required maxlength="200"
                    autocomplete="username" data-remember="by"; }
            div.field { label for="why" { "Why" }
                textarea id="why" name="why" rows="2" maxlength="10000" { (asked.why) } }
            @if can(Event::Acknowledge) {
                div.act { (button("acknowledge", "Acknowledge", "primary"))
                    p.help { "Somebody knows of it." } }
            }
            @if can(Event::Fix) {
                div.act {
                    label for="fixed_in" { "Fixed in build" }
                    input id="fixed_in" name="fixed_in" value=(asked.fixed_in) placeholder="v1.4.2";
                    (button("fix", "Close as fixed", ""))
                }
            }
            @if next(finding.state, Event::Mute).is_ok() {
                div.act {
                    label for="until" { "Mute until" }
                    input id="until" name="until" type="date" value=(asked.until);
                    (button("mute", "Mute", ""))
                }
                div.act { (button("wont-fix", "Will not be fixed", "")) }
            }
            @if can(Event::Reopen) {
                div.act { (button("reopen", "Reopen", "primary")) }
            }
            div.act {
                label for="owners" { "Owners" }
                input id="owners" name="owners" value=(owners)
                    placeholder="as CODEOWNERS says";
                (button("assign", "Assign", ""))
            }
        }
    }
}

fn button(action: &str, text: &str, class: &str) -> Markup {
    html! { button class=[(!class.is_empty()).then_some(class)] name="action" value=(action) { (text) } }
}
