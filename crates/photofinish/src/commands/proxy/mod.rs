//! `photofinish proxy`: flags and file in, a proxy that runs until somebody wants it to end.

mod args;
mod check;
mod damper;
mod port;
mod serve;
mod status;
mod takeover;
mod wishes;

use crate::exit::ExitStatus;

pub(crate) use args::ProxyArgs;
pub(crate) use status::ask;

pub(crate) fn proxy(args: ProxyArgs) -> anyhow::Result<ExitStatus> {
    if let Some(args::ProxyCommand::Status(args)) = args.command {
        return status::status(args);
    }
    let plan = args.flags.plan()?;
    if args.check {
        return check::check(&plan);
    }
    serve::serve(&args.flags, plan, args.takeover)
}
