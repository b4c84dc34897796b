//! `photofinish proxy status`: how a running proxy stands, asked for at its admin address.

use crate::commands::{Format, text_or_json};
use crate::config::Config;
use crate::config::word::Word;
use crate::exit::ExitStatus;
use crate::output::error::Hint;
use crate::output::proxy::figures;
use anyhow::Context;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// How long the proxy may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than this is no status.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The admin address of the proxy [default: proxy.admin of the configuration]
    #[arg(long, value_name = "ADDR", value_parser = <SocketAddr as Word>::read)]
    admin: Option<SocketAddr>,
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Over how long requests a second are counted; 0s: since the proxy started
    #[arg(long = "for", value_name = "TIME", default_value = "1s", value_parser = crate::config::parse_span)]
    window: Duration,
    /// How it is printed; json is what /status serves
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

pub(super) fn status(args: StatusArgs) -> anyhow::Result<ExitStatus> {
    let address = match args.admin {
        Some(address) => address,
        None => configured(&args)?,
    };
    let first = ask(address)?;
    let text = if args.format == Format::Json {
        serde_json::to_string_pretty(&first)? + "\n"
    } else if args.window.is_zero() {
        figures::text(&first, None)
    } else {
        std::thread::sleep(args.window);
        figures::text(&ask(address)?, Some(&first))
    };
    anstream::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}

fn configured(args: &StatusArgs) -> anyhow::Result<SocketAddr> {
    let config = Config::load(args.config.as_deref())?;
    let admin = config.proxy.admin.map(|admin| admin.0);
    admin.ok_or_else(|| {
        anyhow::anyhow!("nothing says where the proxy serves its figures").context(Hint(
            "say it with --admin 127.0.0.1:8081; the proxy itself needs admin = \"127.0.0.1:8081\" under [proxy]"
                .to_owned(),
        ))
    })
}

/// What `/status` serves.
pub(crate) fn ask(address: SocketAddr) -> anyhow::Result<Value> {
    let answer = get(address, "/status").map_err(|cause| {
        anyhow::Error::from(cause)
            .context(format!("cannot ask the proxy at {address}"))
            .context(Hint(
            "check that it runs, and that this is its admin address (it says it when it starts)"
                .to_owned(),
        ))
    })?;
    let body = answer
        .strip_prefix("HTTP/1.")
        .filter(|rest| rest.get(1..5) == Some(" 200"))
        .and_then(|rest| rest.split_once("\r\n\r\n"))
        .map(|(_, body)| body);
    let status = body.and_then(|body| serde_json::from_str(body).ok());
    status.with_context(|| {
        format!("what answers at {address} is no photofinish proxy's admin address")
    })
}

/// One request in HTTP/1.0, whose answer ends with the connection.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
