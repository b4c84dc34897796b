//! Many trials become the cells of a table.

use crate::stats::{Middle, Rate, median};
use crate::toolchain::Toolchain;
use crate::trial::Trial;
use crate::{Column, Plan, Subject, Way};

/// One toolchain, one column.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The Go release.
    pub toolchain: String,
    /// The column.
    pub column: Column,
    /// Trials that could be run.
    pub trials: u32,
    /// Trials that could not be run, and why the last of them could not.
    pub failed: (u32, Option<String>),
    /// In how many something showed that a person would have noticed; `None` of tests.
    pub symptom: Option<Rate>,
    /// What showed, and in how many trials, the most frequent first.
    pub symptoms: Vec<(&'static str, u32)>,
    /// In how many the detector of this way said so; `None` of the normal build, which has none.
    pub detection: Option<Rate>,
    /// Different races that were seen in all trials together.
    pub n_races: usize,
    /// From the beginning of the load to the first detection, in milliseconds, of the trials that had one.
    pub first_ms: Option<Middle>,
    /// Half of the answers took no longer, in milliseconds, of the trials whose load was whole.
    pub p50_ms: Option<Middle>,
    /// 99 % of the answers took no longer.
    pub p99_ms: Option<Middle>,
    /// Processor time of the service for each request, in milliseconds.
    pub cpu_ms: Option<Middle>,
    /// The most memory the process used, in bytes.
    pub memory: Option<Middle>,
}

/// All cells, by toolchain and in the order of the columns.
pub(crate) fn cells(plan: &Plan, toolchains: &[Toolchain], trials: &[Trial]) -> Vec<Cell> {
    let all = toolchains.iter().flat_map(|toolchain| {
        plan.columns.iter().map(move |column| (toolchain.version.as_str(), *column))
    });
    all.map(|(version, column)| {
        let word = column.word();
        let own: Vec<&Trial> = trials
            .iter()
            .filter(|trial| {
                trial.toolchain == version && trial.column == word && trial.number < plan.trials
            })
            .collect();
        cell(version, column, &own, plan)
    })
    .collect()
}

fn cell(version: &str, column: Column, all: &[&Trial], plan: &Plan) -> Cell {
    let failures: Vec<&String> = all.iter().filter_map(|trial| trial.failure.as_ref()).collect();
    let trials: Vec<&Trial> = all.iter().copied().filter(|trial| trial.failure.is_none()).collect();
    let n = trials.len() as u32;
    let count =
        |is: &dyn Fn(&Trial) -> bool| trials.iter().filter(|trial| is(trial)).count() as u32;
    let error_rate = plan.symptoms.error_rate;
    let shows = |trial: &Trial| trial.symptom(error_rate).is_some();
    let is_service = column.way != Way::Test;
    let mut symptoms = vec![
        ("crashed", count(&|trial| trial.crash.is_some())),
        ("wrong answer", count(&|trial| trial.wrong_answer.is_some())),
        ("broken JSON", count(&|trial| trial.broken_json > 0)),
        (
            "errors",
            count(&|trial| {
                trial.load.as_ref().is_some_and(|l| l.whole && l.error_rate() > error_rate)
            }),
        ),
        ("tests failed", count(&|trial| trial.tests_failed)),
    ];
    symptoms.retain(|(_, n)| *n > 0);
    symptoms.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut races: Vec<&str> = trials
        .iter()
        .flat_map(|trial| &trial.races)
        .map(|seen| seen.fingerprint.as_str())
        .collect();
    races.sort_unstable();
    races.dedup();
    let middle = |value: &dyn Fn(&Trial) -> Option<f64>| {
        let values: Vec<f64> = trials.iter().filter_map(|trial| value(trial)).collect();
        median(&values, plan.seed)
    };
    let whole = |trial: &Trial| trial.load.clone().filter(|load| load.whole);
    let first = |trial: &Trial| {
        let times = trial.races.iter().map(|seen| seen.first_ms);
        times.min_by(f64::total_cmp)
    };
    Cell {
        toolchain: version.to_owned(),
        column,
        trials: n,
        failed: (failures.len() as u32, failures.last().map(|reason| (*reason).clone())),
        symptom: is_service.then(|| Rate { hits: count(&shows), n }),
        symptoms,
        detection: (column.way != Way::Normal)
            .then(|| Rate { hits: count(&|trial| !trial.races.is_empty()), n }),
        n_races: races.len(),
        first_ms: if is_service { middle(&first) } else { None },
        p50_ms: middle(&|trial| whole(trial).map(|load| load.p50_ms)),
        p99_ms: middle(&|trial| whole(trial).map(|load| load.p99_ms)),
        cpu_ms: middle(&|trial| {
            whole(trial).map(|load| load.cpu_s * 1e3 / load.sent.max(1) as f64)
        }),
        memory: middle(&|trial| trial.memory.filter(|bytes| *bytes > 0).map(|bytes| bytes as f64)),
    }
}

impl Cell {
    /// The rate that this column is about: symptoms of the normal build, detections of the others.
    pub fn rate(&self) -> Option<Rate> {
        self.detection.or(self.symptom)
    }

    /// Something showed in a program that is said to be repaired.
    pub fn is_broken_promise(&self) -> bool {
        let any = |rate: Option<Rate>| rate.is_some_and(|rate| rate.hits > 0);
        self.column.subject == Subject::Repaired && (any(self.symptom) || any(self.detection))
    }
}
