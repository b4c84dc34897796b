//! Many goroutines as a few groups, the largest first.

use std::collections::HashMap;
use std::str::FromStr;

use photofinish_goprocess::Goroutine;

use crate::Look;

/// What goroutines of one group have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// What they do, the user's innermost line, and the function they were started with.
    Place,
    /// What they do.
    State,
    /// The user's innermost function.
    Function,
    /// The function they were started with.
    Start,
    /// The place of the `go` statement.
    Creator,
    /// The whole stack.
    Stack,
    /// What they wait for.
    WaitingFor,
    /// The value of a label.
    Label(String),
}

/// Goroutines with something in common.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// What they have in common, in words.
    pub key: String,
    /// The goroutines, by number; never empty.
    pub members: Vec<&'a Goroutine>,
}

/// Groups `goroutines`, the largest group first.
pub fn group<'a>(look: &Look, goroutines: &[&'a Goroutine], by: &GroupBy) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for goroutine in goroutines {
        let key = key(look, goroutine, by);
        let group_idx = *known.entry(key).or_insert_with_key(|key| {
            groups.push(Group { key: key.clone(), members: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group_idx) {
            group.members.push(goroutine);
        }
    }
    groups.sort_by(|a, b| b.members.len().cmp(&a.members.len()).then_with(|| a.key.cmp(&b.key)));
    groups
}

fn key(look: &Look, goroutine: &Goroutine, by: &GroupBy) -> String {
    let place = |frame: &photofinish_model::Frame| {
        let file = frame.file.as_deref().unwrap_or("?");
        format!("{}  {file}:{}", frame.function, frame.line.unwrap_or(0))
    };
    match by {
        GroupBy::Place => {
            let user = look.user_frame(goroutine).map(place).unwrap_or_default();
            format!("{}  {user}  {}", look.state(goroutine), look.start_function(goroutine))
        }
        GroupBy::State => look.state(goroutine).to_owned(),
        GroupBy::Function => {
            look.user_frame(goroutine).map(|frame| frame.function.clone()).unwrap_or_default()
        }
        GroupBy::Start => look.start_function(goroutine).to_owned(),
        GroupBy::Creator => {
            look.creator(goroutine).map(|creator| place(creator.frame)).unwrap_or_default()
        }
        GroupBy::Stack => {
            let lines: Vec<String> = look.stack(goroutine).map(|line| place(&line.frame)).collect();
            format!("{}\n{}", look.state(goroutine), lines.join("\n"))
        }
        GroupBy::WaitingFor => {
            let waits: Vec<String> = goroutine
                .waits
                .iter()
                .map(|wait| format!("{} {}", wait.on.word(), wait.address))
                .collect();
            if waits.is_empty() { look.state(goroutine).to_owned() } else { waits.join(", ") }
        }
        GroupBy::Label(name) => {
            let label = goroutine.labels.iter().find(|(known, _)| known == name);
            label.map_or_else(|| format!("no {name}"), |(_, value)| format!("{name}={value}"))
        }
    }
}

impl FromStr for GroupBy {
    type Err = String;

    fn from_str(word: &str) -> Result<GroupBy, String> {
        match word {
            "place" => Ok(GroupBy::Place),
            "state" => Ok(GroupBy::State),
            "function" => Ok(GroupBy::Function),
            "start" => Ok(GroupBy::Start),
            "creator" => Ok(GroupBy::Creator),
            "stack" => Ok(GroupBy::Stack),
            "waiting-for" => Ok(GroupBy::WaitingFor),
            _ => match word.split_once('=') {
                Some(("label", name)) if !name.is_empty() => Ok(GroupBy::Label(name.to_owned())),
                _ => Err("one of: place, state, function, start, creator, stack, waiting-for, \
                          label=NAME, none"
                    .to_owned()),
            },
        }
    }
}
