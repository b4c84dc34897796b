//! [`Race`] to [`RaceJson`] and back, part by part.

use super::{
    AccessJson, AnswerDiffJson, AnsweredJson, FrameJson, GoroutineJson, GoroutineName, Hex,
    LocationJson, RaceJson,
};
use photofinish_model::{
    Access, AnswerDiff, Answered, Fingerprint, Frame, Goroutine, Kind, Location, Pattern, Race,
    Stack, UnknownWord,
};

impl From<&Race> for RaceJson {
    fn from(race: &Race) -> Self {
        RaceJson::classified(race, Pattern::of(race))
    }
}

impl RaceJson {
    /// The JSON of `race` with a pattern that was told by other means than the report alone.
    pub fn classified(race: &Race, pattern: Pattern) -> Self {
        RaceJson {
            kind: race.kind.word().to_owned(),
            detector: race.detector.word().to_owned(),
            headline: race.headline.clone(),
            accesses: race.accesses.iter().map(AccessJson::from).collect(),
            others: race.others.iter().map(GoroutineJson::from).collect(),
            location: race.location.as_ref().map(LocationJson::from),
            fingerprint: Fingerprint::of(race).to_string(),
            pattern: pattern.word().to_owned(),
            explanation: pattern.explanation().to_owned(),
            hint: pattern.hint().to_owned(),
            partial: race.partial,
            light: race.light,
            raw: race.raw.clone(),
            answer_diff: answer_diff(race),
        }
    }
}

fn answer_diff(race: &Race) -> Option<AnswerDiffJson> {
    let is_one = race.kind == Kind::AnswerDiff;
    is_one.then(|| AnswerDiff::read(&race.raw)).flatten().map(AnswerDiffJson::from)
}

impl From<AnswerDiff> for AnswerDiffJson {
    fn from(diff: AnswerDiff) -> Self {
        let AnswerDiff { route, place, primary, mirror, request, compared, differed } = diff;
        let (primary, mirror) = (primary.into(), mirror.into());
        AnswerDiffJson { route, place, primary, mirror, request, compared, differed }
    }
}

impl From<Answered> for AnsweredJson {
    fn from(answered: Answered) -> Self {
        let Answered { status, content_type, value } = answered;
        AnsweredJson { status, content_type, value }
    }
}

impl TryFrom<RaceJson> for Race {
    type Error = UnknownWord;

    fn try_from(json: RaceJson) -> Result<Race, UnknownWord> {
        Ok(Race {
            kind: json.kind.parse()?,
            detector: json.detector.parse()?,
            headline: json.headline,
            accesses: json
                .accesses
                .into_iter()
                .map(Access::try_from)
                .collect::<Result<_, UnknownWord>>()?,
            others: json.others.into_iter().map(Goroutine::from).collect(),
            location: json.location.map(Location::from),
            partial: json.partial,
            light: json.light,
            raw: json.raw,
        })
    }
}

impl From<&Access> for AccessJson {
    fn from(access: &Access) -> Self {
        AccessJson {
            op: access.op.word().to_owned(),
            address: access.address.map(Hex),
            size: access.size,
            goroutine: access.goroutine.map(GoroutineName),
            thread: access.thread.clone(),
            stack: frames_out(&access.stack),
            created_at: frames_out(&access.created_at),
            state: access.state.map(|state| state.word().to_owned()),
        }
    }
}

impl TryFrom<AccessJson> for Access {
    type Error = UnknownWord;

    fn try_from(json: AccessJson) -> Result<Access, UnknownWord> {
        Ok(Access {
            op: json.op.parse()?,
            address: json.address.map(|address| address.0),
            size: json.size,
            goroutine: json.goroutine.map(|name| name.0),
            thread: json.thread,
            stack: frames_in(json.stack),
            created_at: frames_in(json.created_at),
            state: json.state.map(|word| word.parse()).transpose()?,
        })
    }
}

impl From<&Goroutine> for GoroutineJson {
    fn from(goroutine: &Goroutine) -> Self {
        GoroutineJson {
            id: GoroutineName(goroutine.id),
            status: goroutine.status.clone(),
            stack: frames_out(&goroutine.stack),
            created_at: frames_out(&goroutine.created_at),
        }
    }
}

impl From<GoroutineJson> for Goroutine {
    fn from(json: GoroutineJson) -> Self {
        Goroutine {
            id: json.id.0,
            status: json.status,
            stack: frames_in(json.stack),
            created_at: frames_in(json.created_at),
        }
    }
}

impl From<&Location> for LocationJson {
    fn from(location: &Location) -> Self {
        LocationJson {
            description: location.description.clone(),
            stack: frames_out(&location.stack),
        }
    }
}

impl From<LocationJson> for Location {
    fn from(json: LocationJson) -> Self {
        Location { description: json.description, stack: frames_in(json.stack) }
    }
}

impl From<&Frame> for FrameJson {
    fn from(frame: &Frame) -> Self {
        FrameJson {
            function: frame.function.clone(),
            file: frame.file.clone(),
            line: frame.line,
            column: frame.column,
            offset: frame.offset,
            module: frame.module.clone(),
            inlined: frame.inlined,
        }
    }
}

impl From<FrameJson> for Frame {
    fn from(json: FrameJson) -> Self {
        Frame {
            function: json.function,
            file: json.file,
            line: json.line,
            column: json.column,
            offset: json.offset,
            module: json.module,
            inlined: json.inlined,
        }
    }
}

fn frames_out(stack: &Stack) -> Vec<FrameJson> {
    stack.frames.iter().map(FrameJson::from).collect()
}

fn frames_in(frames: Vec<FrameJson>) -> Stack {
    Stack { frames: frames.into_iter().map(Frame::from).collect() }
}

#[cfg(test)]
mod tests;
