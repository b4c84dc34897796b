//! Every binary that will be tried, built before the first trial: what does not build is known at once.

use crate::journal::Journal;
use crate::toolchain::Toolchain;
use crate::trial::go_test;
use crate::{Column, MatrixError, Plan, Progress, Subject, Way};
use photofinish_load::Stop;
use photofinish_supervise::build::{self, Variants};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The binaries of each toolchain.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    binaries: BTreeMap<(String, Subject, &'static str), PathBuf>,
}

impl Builds {
    /// Builds what the columns need with every toolchain.
    pub(crate) fn make(
        plan: &Plan,
        toolchains: &[Toolchain],
        journal: &mut Journal,
        stop: &Stop,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Builds, MatrixError> {
        let mut builds = Builds::default();
        for toolchain in toolchains {
            for subject in [Subject::Racy, Subject::Repaired] {
                let ways: Vec<Way> =
                    plan.columns.iter().filter(|c| c.subject == subject).map(|c| c.way).collect();
                builds.build(plan, toolchain, subject, &ways, progress)?;
                if ways.contains(&Way::Test) {
                    progress(Progress::Building(&toolchain.version, "the tests"));
                    go_test::prepare(plan, toolchain, subject, stop)?;
                }
            }
        }
        for ((version, subject, variant), path) in &builds.binaries {
            let column = Column { subject: *subject, way: Way::Normal };
            let what = match column.subject {
                Subject::Racy => format!("{version} racy {variant}"),
                Subject::Repaired => format!("{version} repaired {variant}"),
            };
            journal.built(&what, path)?;
        }
        Ok(builds)
    }

    /// The binary that a column tries.
    pub(crate) fn of(&self, toolchain: &Toolchain, column: Column) -> Option<&PathBuf> {
        let variant = if column.way == Way::Race { "race" } else { "normal" };
        self.binaries.get(&(toolchain.version.clone(), column.subject, variant))
    }

    fn build(
        &mut self,
        plan: &Plan,
        toolchain: &Toolchain,
        subject: Subject,
        ways: &[Way],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), MatrixError> {
        let normal = ways.iter().any(|way| matches!(way, Way::Normal | Way::Catch));
        let variants = match (normal, ways.contains(&Way::Race)) {
            (true, true) => Variants::Both,
            (true, false) => Variants::Normal,
            (false, true) => Variants::Race,
            (false, false) => return Ok(()),
        };
        let word = match subject {
            Subject::Racy => "racy",
            Subject::Repaired => "repaired",
        };
        let mut own = plan.build_of(subject).clone();
        own.go = Some(toolchain.go.clone());
        own.env.extend(toolchain.env());
        let out = plan.state.join("bin").join(&toolchain.version).join(word);
        own.out = PathBuf::from(format!("{}/", std::path::absolute(&out).unwrap_or(out).display()));
        own.variants = variants;
        // A commit that changes nothing of the program does not make it another binary.
        own.extra.push("-buildvcs=false".to_owned());
        let what = if subject == Subject::Racy { "the service" } else { "the repaired service" };
        progress(Progress::Building(&toolchain.version, what));
        let built = build::build(&own, &mut |told| progress(Progress::Build(told)));
        let built = built.map_err(|source| MatrixError::Build {
            column: what.to_owned(),
            toolchain: toolchain.version.clone(),
            source: source.into(),
        })?;
        let [package] = built.packages.as_slice() else {
            let package = own.packages.join(" ");
            return Err(MatrixError::NotOneCommand { package, n_commands: built.packages.len() });
        };
        for (variant, binary) in [("normal", &package.normal), ("race", &package.race)] {
            if let Some(binary) = binary {
                let key = (toolchain.version.clone(), subject, variant);
                self.binaries.insert(key, binary.path.clone());
            }
        }
        Ok(())
    }
}
