//! kubectl, which knows how to reach a cluster and as whom.

use crate::output::error::hinted;
use photofinish_deploy::Object;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Which cluster.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Cluster {
    /// The context of kubectl's configuration [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Its configuration [default: as kubectl does]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<String>,
    /// The kubectl to use
    #[arg(long, value_name = "PATH", env = "PHOTOFINISH_KUBECTL", default_value = "kubectl")]
    kubectl: String,
}

/// What came of asking for an object.
#[derive(Debug)]
pub(super) enum Answer {
    Found(Value),
    /// Not there; with the reason if nobody there even knows its kind.
    Missing(Option<String>),
    /// This login may not read it.
    Forbidden,
}

impl Cluster {
    /// Whether there is a cluster that answers.
    pub(super) fn greet(&self) -> anyhow::Result<()> {
        let output = self.run(&["get", "--raw", "/version"], None)?;
        if output.status.success() { Ok(()) } else { Err(unreachable(&output)) }
    }

    /// The object as it is there.
    pub(super) fn get(&self, object: &Object) -> anyhow::Result<Answer> {
        let version = object.value["apiVersion"].as_str().unwrap_or_default();
        let kind = match version.split_once('/') {
            Some((group, version)) => format!("{}.{version}.{group}", object.kind()),
            None => object.kind().to_owned(),
        };
        let name = format!("{kind}/{}", object.name());
        let mut args = vec!["get", &name, "--output=json", "--ignore-not-found"];
        args.extend(
            object.namespace().map(|namespace| ["--namespace", namespace]).into_iter().flatten(),
        );
        let output = self.run(&args, None)?;
        if output.status.success() {
            return Ok(match serde_json::from_slice(&output.stdout) {
                Ok(value) => Answer::Found(value),
                Err(_) => Answer::Missing(None),
            });
        }
        let said = last_line(&output);
        if said.contains("doesn't have a resource type")
            || said.contains("could not find the requested resource")
        {
            let why = format!("the cluster does not know {version}: its CRDs are not installed");
            return Ok(Answer::Missing(Some(why)));
        }
        if said.contains("orbidden") {
            return Ok(Answer::Forbidden);
        }
        Err(unreachable(&output))
    }

    /// Runs `kubectl diff` over `text`, its output going to ours; the exit status is its own.
    pub(super) fn diff(&self, text: &str) -> anyhow::Result<Output> {
        self.run(&["diff", "--filename", "-"], Some(text))
    }

    fn run(&self, args: &[&str], input: Option<&str>) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.kubectl);
        command.args(self.context.iter().flat_map(|name| ["--context", name]));
        command.args(self.kubeconfig.iter().flat_map(|file| ["--kubeconfig", file]));
        command
            .arg("--request-timeout=20s")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(|cause| {
            let hint = "install kubectl, or name it: --kubectl PATH, PHOTOFINISH_KUBECTL";
            hinted(
                anyhow::Error::from(cause).context(format!("cannot run {}", self.kubectl)),
                Some(hint.to_owned()),
            )
        })?;
        let feeder = child.stdin.take().zip(input.map(str::to_owned)).map(|(mut pipe, text)| {
            // Who ends before it has read everything says why on stderr.
            std::thread::spawn(move || drop(pipe.write_all(text.as_bytes())))
        });
        let output = child.wait_with_output()?;
        if let Some(feeder) = feeder {
            drop(feeder.join());
        }
        Ok(output)
    }
}

/// That kubectl failed, with what it said.
pub(super) fn unreachable(output: &Output) -> anyhow::Error {
    let hint = "see `kubectl config current-context`, or say --context or --kubeconfig; `photofinish deploy` alone needs no cluster";
    hinted(
        anyhow::anyhow!(last_line(output)).context("kubectl got no answer from a cluster"),
        Some(hint.to_owned()),
    )
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it said nothing").trim().to_owned()
}
