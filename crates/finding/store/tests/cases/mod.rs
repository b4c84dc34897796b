//! What findings do, whichever database keeps them; each begins with an empty one.

#![allow(missing_docs, unreachable_pub)]

pub mod batches;
pub mod findings;
pub mod list;

/// Does `$do!` with the names of all of them.
macro_rules! with_all_cases {
    ($do:ident) => {
        $do! {
            findings many_sightings_of_one_race_are_one_finding,
            findings the_same_key_counts_once_however_often_it_is_delivered,
            findings the_race_that_tells_most_is_kept_and_the_first_and_latest_report,
            findings a_sighting_of_a_later_build_shows_that_the_repair_failed,
            findings builds_named_by_commit_are_ordered_by_when_they_appeared,
            findings where_no_build_is_known_the_time_of_the_sighting_decides,
            findings a_mute_keeps_a_finding_quiet_until_its_day,
            findings a_decision_is_made_for_all_or_for_none,
            findings the_history_says_who_and_why,
            findings an_owner_named_by_a_person_stays,
            findings findings_are_chosen_by_state_source_time_and_words,
            findings an_id_may_be_shortened_while_it_is_unique,
            findings the_json_of_a_finding_has_what_scripts_were_promised,
            findings answers_that_differ_in_one_place_are_one_finding_with_the_counts_of_the_latest,
            findings a_finding_knows_the_jobs_that_were_under_way_once_each_and_the_latest_of_them,
            batches a_batch_does_what_its_sightings_do_one_by_one,
            batches letters_of_any_sort_are_counted_where_they_belong,
            list a_list_has_the_findings_that_a_whole_reading_has_in_the_same_order,
            list who_saw_it_is_asked_together_with_where,
            list states_are_counted_whichever_of_them_are_shown,
            list pages_follow_each_other_without_a_gap,
        }
    };
}
pub(crate) use with_all_cases;
