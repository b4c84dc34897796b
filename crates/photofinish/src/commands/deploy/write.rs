//! `photofinish deploy`: prints objects, or writes the folder and says what to do with it.

use super::{DeployArgs, ObjectFormat};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use anyhow::Context;
use photofinish_deploy::folder::{self, Written};
use photofinish_deploy::{Plan, debug_line, secrets, stream, tree};
use std::io::Write;
use std::path::Path;

pub(super) fn write(args: &DeployArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan()?;
    if let Some(out) = &args.out {
        let written = folder::write(out, &tree(&plan)?, args.force).map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        tell(&plan, out, &written).context("cannot write to stdout")?;
        return Ok(ExitStatus::Success);
    }
    let objects = args.flags.objects(&plan)?;
    let text = match args.format {
        ObjectFormat::Yaml => stream(&objects),
        ObjectFormat::Json => {
            let items: Vec<_> = objects.iter().map(|object| &object.value).collect();
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
            serde_json::to_string_pretty(&list)? + "\n"
        }
    };
    anstream::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}

fn tell(plan: &Plan, out: &Path, written: &Written) -> std::io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let shown = out.display();
    for (what, files) in [("wrote", &written.written), ("removed", &written.removed)] {
        for file in files {
            writeln!(stdout, "{what} {shown}/{file}")?;
        }
    }
    if !written.unchanged.is_empty() {
        writeln!(stdout, "{} files were as they should be", written.unchanged.len())?;
    }
    writeln!(stdout, "\nOnce, with values of yours for what is secret:")?;
    writeln!(stdout, "  kubectl create namespace {}", plan.namespace)?;
    for line in secrets(plan) {
        writeln!(stdout, "  {line}")?;
    }
    writeln!(
        stdout,
        "\nThen one of these; each is the service and what is named, and takes back what the one before it changed:"
    )?;
    writeln!(stdout, "  kubectl apply -k {shown}/base")?;
    for part in plan.parts() {
        writeln!(
            stdout,
            "  {:<48} # {}",
            format!("kubectl apply -k {shown}/overlays/{}", part.name()),
            part.about(plan)
        )?;
    }
    writeln!(
        stdout,
        "  {:<48} # all of it; for some of it, copy it and leave out parts",
        format!("kubectl apply -k {shown}/overlays/all")
    )?;
    writeln!(stdout, "\nOne running pod, without a change of its Deployment:")?;
    writeln!(stdout, "  {}", debug_line(plan, &format!("{shown}/catch-ephemeral.json")))
}
