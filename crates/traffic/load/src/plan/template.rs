//! Texts that are filled in for every request: `{"user": "u{{ random_int(1, 100) }}"}`.
//!
//! Known are `counter` (0, 1, 2, … over the whole run, each once) and functions of random
//! values and time. A text without `{{` or `{%` costs nothing. Each template is tried once
//! before the run, so a wrong name is found before the first request, not after a million.

use crate::LoadError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// Random values come from a generator a thread, so that threads share nothing.
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
}

/// Makes the random values of this thread repeatable.
pub(crate) fn seed(seed: u64) {
    RANDOM.set(fastrand::Rng::with_seed(seed));
}

/// The templates of a plan.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    count: usize,
}

/// A text, filled in or as it is.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// As it is.
    Fixed(Arc<str>),
    /// The name of a template.
    Template(Arc<str>),
}

/// Whether `text` asks to be filled in.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.add_function("random_int", random_int);
        environment.add_function("random_string", random_string);
        environment.add_function("uuid", uuid);
        environment.add_function("choice", choice);
        environment.add_function("now", || jiff::Timestamp::now().to_string());
        environment.add_function("timestamp", || jiff::Timestamp::now().as_second());
        environment.add_function("timestamp_ms", || jiff::Timestamp::now().as_millisecond());
        Self { environment, count: 0 }
    }

    /// Takes `text` in; `place` is how an error names it.
    pub(crate) fn add(&mut self, text: &str, place: &str) -> Result<Text, LoadError> {
        if !is_template(text) {
            return Ok(Text::Fixed(text.into()));
        }
        let problem = |cause| LoadError::Template { place: place.to_owned(), cause };
        // No extension in the name: nothing is escaped as if it were HTML.
        let name = format!("template {}", self.count);
        self.count += 1;
        self.environment.add_template_owned(name.clone(), text.to_owned()).map_err(problem)?;
        let template = Text::Template(name.into());
        self.fill(&template, 0).map_err(problem)?;
        Ok(template)
    }

    /// The text of request number `counter`.
    pub(crate) fn fill(&self, text: &Text, counter: u64) -> Result<String, Error> {
        match text {
            Text::Fixed(text) => Ok(text.to_string()),
            Text::Template(name) => {
                self.environment.get_template(name)?.render(minijinja::context! { counter })
            }
        }
    }
}

fn random_int(low: i64, high: i64) -> Result<i64, Error> {
    if low > high {
        return Err(invalid(format!("random_int({low}, {high}): the range is empty")));
    }
    Ok(RANDOM.with_borrow_mut(|random| random.i64(low..=high)))
}

fn random_string(length: usize) -> Result<String, Error> {
    if length > 1 << 20 {
        return Err(invalid(format!("random_string({length}): at most 1048576")));
    }
    Ok(RANDOM.with_borrow_mut(|random| (0..length).map(|_| random.alphanumeric()).collect()))
}

/// A random (version 4) UUID, RFC 9562 section 5.4.
fn uuid() -> String {
    let bits = RANDOM.with_borrow_mut(|random| random.u128(..));
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// One of its arguments, or of the one list that it is given.
fn choice(options: Rest<Value>) -> Result<Value, Error> {
    let list: Vec<Value> = match options.as_slice() {
        [list] if list.kind() == minijinja::value::ValueKind::Seq => list.try_iter()?.collect(),
        several => several.to_vec(),
    };
    let picked = RANDOM.with_borrow_mut(|random| random.choice(list.iter()).cloned());
    picked.ok_or_else(|| invalid("choice(): nothing to choose from".to_owned()))
}

fn invalid(problem: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, counter: u64) -> Result<String, LoadError> {
        let mut templates = Templates::new();
        let text = templates.add(text, "the body of POST /")?;
        Ok(templates.fill(&text, counter).unwrap())
    }

    #[test]
    fn a_template_has_a_counter_random_values_and_the_time() {
        assert_eq!(filled("n={{ counter }}\n", 7).unwrap(), "n=7\n");
        assert_eq!(filled("{{ choice('a', 'a') }}{{ choice(['b']) }}", 0).unwrap(), "ab");
        assert_eq!(filled("{{ random_string(12) }}", 0).unwrap().len(), 12);
        assert_eq!(filled("{{ \"<&>\" }}", 0).unwrap(), "<&>");
        let id = filled("{{ uuid() }}", 0).unwrap();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'4', "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
        let number: i64 = filled("{{ random_int(-3, 3) }}", 0).unwrap().parse().unwrap();
        assert!((-3..=3).contains(&number));
        assert!(filled("{{ timestamp_ms() }} {{ now() }}", 0).unwrap().contains('T'));
    }

    #[test]
    fn what_fails_is_found_before_the_run_and_named() {
        for bad in ["{{ contuer }}", "{{ random_int(2, 1) }}", "{% if %}", "{{ choice() }}", "{{"] {
            let error = filled(bad, 0).unwrap_err();
            assert_eq!(error.to_string(), "the template of the body of POST / fails");
            assert!(error.hint().unwrap().contains("counter"));
        }
    }
}
