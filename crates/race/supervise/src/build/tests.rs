use super::flags::{UserFlags, split_quoted};
use super::{Plan, Variant};

fn flags(plan: Plan, goflags: &str) -> UserFlags {
    UserFlags::of(&plan).unwrap().merged_with(goflags)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn goflags_are_split_as_go_splits_them() {
    assert_eq!(
        split_quoted(" -mod=vendor '-ldflags=-s -w'\t\"-gcflags=all=-N -l\" "),
        ["-mod=vendor", "-ldflags=-s -w", "-gcflags=all=-N -l"]
    );
    assert_eq!(split_quoted("'open quote"), ["open quote"]);
    assert_eq!(split_quoted(""), Vec::<String>::new());
}

#[test]
fn only_the_race_variant_has_the_tag_unless_both_are_to_have_it() {
    let one = flags(Plan { tags: words("a,b c"), ..Plan::default() }, "");
    assert_eq!(one.tags_of(Variant::Normal), ["a", "b", "c"]);
    assert_eq!(one.tags_of(Variant::Race), ["a", "b", "c", "racecanary"]);
    let both = flags(Plan { racecanary_on_both: true, ..Plan::default() }, "-tags=racecanary");
    assert_eq!(both.tags_of(Variant::Normal), ["racecanary"]);
}

#[test]
fn flags_behind_the_dashes_are_understood_in_every_spelling() {
    let extra = words("--tags=x -tags y -gcflags all=-l --ldflags=-s -mod vendor -v -trimpath");
    let flags = flags(Plan { extra, ..Plan::default() }, "-tags=env");
    assert_eq!(flags.tags, ["env", "x", "y"]);
    assert_eq!(
        flags.args(Variant::Race, &["p=-race=false".to_owned()]),
        words(
            "-race=true -tags=env,x,y,racecanary -ldflags=-s -gcflags=all=-l -gcflags=p=-race=false -mod vendor -trimpath"
        )
    );
}

#[test]
fn gcflags_on_the_command_line_replace_those_of_goflags_as_in_go() {
    let goflags = "-gcflags=all=-l -gcflags=fmt=-N";
    assert_eq!(flags(Plan::default(), goflags).gcflags, ["all=-l", "fmt=-N"]);
    let own = Plan { gcflags: words("all=-B"), ..Plan::default() };
    assert_eq!(flags(own, goflags).gcflags, ["all=-B"]);
}

#[test]
fn a_flag_that_is_ours_to_give_is_refused_with_the_reason() {
    for flag in ["-race", "--race=true", "-o", "-C=x", "-msan"] {
        let error = UserFlags::of(&Plan { extra: words(flag), ..Plan::default() }).unwrap_err();
        assert!(error.to_string().contains(flag) && error.hint().is_some(), "{flag}");
    }
}

#[test]
fn a_race_build_of_a_position_independent_service_is_an_ordinary_executable() {
    for (extra, goflags) in [("-buildmode pie", ""), ("", "-buildmode=pie")] {
        let flags = flags(Plan { extra: words(extra), ..Plan::default() }, goflags);
        assert_eq!(flags.args(Variant::Race, &[]).last().unwrap(), "-buildmode=exe");
        assert!(!flags.args(Variant::Normal, &[]).contains(&"-buildmode=exe".to_owned()));
    }
}
