use super::*;
use proptest::prelude::*;

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(State::ALL)
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any::<bool>().prop_map(|later_build| Event::Sighted { later_build }),
        Just(Event::MuteEnded),
        Just(Event::Acknowledge),
        Just(Event::Mute),
        Just(Event::Fix),
        Just(Event::WontFix),
        Just(Event::Reopen),
    ]
}

fn is_by_a_person(event: Event) -> bool {
    !matches!(event, Event::Sighted { .. } | Event::MuteEnded)
}

proptest! {
    #[test]
    fn only_a_later_build_turns_a_fixed_finding_into_a_regressed_one(
        state in any_state(), event in any_event()
    ) {
        let regresses = state != State::Regressed && next(state, event) == Ok(State::Regressed);
        let expected = state == State::Fixed && event == Event::Sighted { later_build: true };
        prop_assert_eq!(regresses, expected);
    }

    #[test]
    fn no_sighting_undoes_what_a_person_decided_unless_the_repair_failed(
        state in any_state(), later_build in any::<bool>()
    ) {
        let after = next(state, Event::Sighted { later_build });
        if state == State::Fixed && later_build {
            prop_assert_eq!(after, Ok(State::Regressed));
        } else {
            prop_assert_eq!(after, Ok(state));
        }
    }

    #[test]
    fn sightings_and_days_that_pass_are_never_refused(state in any_state(), event in any_event()) {
        if !is_by_a_person(event) {
            prop_assert!(next(state, event).is_ok());
        }
    }

    #[test]
    fn whatever_has_happened_a_person_can_bring_a_finding_to_an_end(
        events in proptest::collection::vec(any_event(), 0..50)
    ) {
        let mut state = State::New;
        for event in events {
            state = next(state, event).unwrap_or(state);
        }
        prop_assert_eq!(next(state, Event::Fix), Ok(State::Fixed));
        prop_assert_eq!(next(State::Fixed, Event::Reopen), Ok(State::New));
    }

    #[test]
    fn once_seen_a_finding_is_only_new_again_by_a_persons_word_or_a_mute_that_ran_out(
        state in any_state(), event in any_event()
    ) {
        if state != State::New && next(state, event) == Ok(State::New) {
            let mute_ended = event == Event::MuteEnded && state == State::Suppressed;
            prop_assert!(event == Event::Reopen || mute_ended);
        }
    }
}

#[test]
fn every_word_for_a_state_is_read_back() {
    for state in State::ALL {
        assert_eq!(state.word().parse(), Ok(*state));
    }
    let error = "open".parse::<State>().unwrap_err();
    assert!(error.to_string().contains("acknowledged"), "{error}");
}

#[test]
fn a_refusal_says_the_state_and_what_to_do() {
    let refused = next(State::Fixed, Event::Acknowledge).unwrap_err();
    assert_eq!(refused.to_string(), "it is fixed, and there is nothing left to acknowledge");
    assert!(refused.hint().unwrap().contains("reopen"));
}
