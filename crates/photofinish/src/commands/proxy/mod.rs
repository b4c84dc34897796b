//! `photofinish proxy`: flags and file in, a proxy that runs until somebody wants it to end.

mod args;
mod check;

use crate::exit::ExitStatus;

pub(crate) use args::ProxyArgs;

pub(crate) fn proxy(args: ProxyArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan()?;
    if args.check {
        return check::check(&plan);
    }
    anyhow::bail!("the proxy itself is not part of this build, only --check is")
}
