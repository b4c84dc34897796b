//! Turns what a service's configuration says into Kubernetes manifests.
//!
//! In: a [`Plan`], plain data. Out: the objects that it comes to ([`objects`]), or the same as a Kustomize base
//! with overlays ([`tree`]), in YAML with comments that say why. One machine has our proxy and our pool; on a cluster
//! its own data plane does their job: routes have the weights and the mirror, KEDA has the number of workers.
//!
//! What may surprise: overlays are computed, not merged. The objects of a set of parts are built whole, and an
//! overlay's patch is their difference from the base; so what is printed, applied and compared is one thing.
//!
//! [`compare`] holds objects of a cluster against the wanted ones; [`folder`] writes files and overwrites nothing
//! that a person changed. Not here: the configuration file and kubectl (the binary).
//! Start at [`objects`]; `plan` is what can be asked for.
#![forbid(unsafe_code)]

mod canary;
mod catching;
mod check;
pub mod compare;
mod crd;
mod docker;
pub mod folder;
mod jobs;
mod mirror;
mod monitor;
mod object;
mod plan;
mod pod;
mod rbac;
mod route;
mod serve;
mod size;
mod stable;
mod tree;
mod yaml;

pub use object::{Object, stream};
pub use plan::{
    Canary, Destination, Images, Jobs, Mirror, Part, Plan, PlanError, Reach, Rule, Share, Split,
    Stable, Target, Window,
};
pub use tree::{File, tree};

/// The line that has `catch` look at one running pod; `file` is where the tree's `catch-ephemeral.json` is.
pub fn debug_line(plan: &Plan, file: &str) -> String {
    catching::debug_line(plan, file)
}

/// The commands that make the Secrets which are referred to and never written.
pub fn secrets(plan: &Plan) -> Vec<String> {
    let create = format!("kubectl -n {} create secret generic", plan.namespace);
    let token = "\"$(openssl rand -base64 24)\"";
    let mut lines = Vec::new();
    if plan.to.is_some() {
        lines.push(format!("{create} {} --from-file=report-token", pod::TOKENS));
    } else {
        lines.push(format!(
            "{create} {} --from-literal=token={token} --from-literal=report-token={token}",
            pod::TOKENS
        ));
        let url = match plan.store {
            Some(_) => "",
            None => {
                " --from-literal=url='postgres://photofinish@HOST/findings?sslmode=verify-full'"
            }
        };
        lines.push(format!("{create} {}{url} --from-literal=password=...", serve::STORE));
    }
    lines.extend(
        plan.jobs
            .as_ref()
            .map(|_| format!("{create} {} --from-literal=url=...", jobs::secret(plan))),
    );
    lines
}

/// Everything that `parts` come to together, in the order in which it should be applied.
///
/// # Errors
/// What makes no sense in `plan`, or what its target cannot do.
pub fn objects(plan: &Plan, parts: &[Part]) -> Result<Vec<Object>, PlanError> {
    plan.check()?;
    let mut objects = stable::objects(plan, parts);
    objects.extend(route::objects(plan, parts)?);
    for part in parts {
        objects.extend(match part {
            Part::Canary => canary::objects(plan),
            Part::Mirror => mirror::objects(plan),
            Part::Jobs => jobs::objects(plan),
            Part::Catch => rbac::debugging(plan),
            Part::Serve => serve::objects(plan),
        });
    }
    if parts.iter().any(|part| part.has_race_build()) {
        objects.push(pod::priority());
        if plan.metrics.is_some() {
            objects.push(monitor::race_pods(plan));
        }
    }
    Ok(objects)
}
