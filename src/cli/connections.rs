//! `anomalyd connections`: who is connected, who fails to, and how the broker is.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{Connections, Server};
use crate::cli::status::second;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::printable::Printable;
use crate::time::Timestamp;

/// Tells which devices are connected, from where and since when, which connections failed and why, and how the broker is.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Tells of the connections.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let connections: Connections = daemon.get("/api/v1/connections")?.json()?;
    if args.json {
        return Ok(writeln!(Output::json(), "{}", serde_json::to_string(&connections)?)?);
    }
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    for (name, server) in [("listens on", &connections.listener), ("broker", &connections.broker)] {
        if let Some(server) = server {
            let (words, tint) = server_words(server);
            writeln!(out, "{name} {}: {}", Printable(&server.address), colours.paint(tint, &words))?;
        }
    }
    let mut table = TextTable::new([
        Column::left("device"),
        Column::left("from"),
        Column::left("since"),
        Column::right("messages"),
        Column::left("last message"),
    ]);
    for connection in &connections.connected {
        table.row([
            (&*connection.client).into(),
            (&*connection.address).into(),
            second(connection.since).into(),
            connection.messages.to_string().into(),
            time(connection.last_message).into(),
        ]);
    }
    writeln!(out, "\n{} connected", connections.total)?;
    if !connections.connected.is_empty() {
        table.write(colours, &mut out)?;
    }
    if connections.failed.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfailed")?;
    let columns = ["last", "from", "client"].map(Column::left);
    let mut table = TextTable::new([&columns[..], &[Column::right("times"), Column::left("why")]].concat());
    for failed in &connections.failed {
        table.row([
            second(failed.last).into(),
            (&*failed.address).into(),
            failed.client.as_deref().unwrap_or_default().into(),
            failed.count.to_string().into(),
            TableCell::tinted(&*failed.reason, Tint::Warning),
        ]);
    }
    Ok(table.write(colours, &mut out)?)
}

fn server_words(server: &Server) -> (String, Tint) {
    let since = server.since.map_or_else(String::new, |since| format!(" since {}", second(since)));
    let messages = format!("{} messages since the start", server.messages);
    match (server.is_up, &server.problem) {
        (true, _) => (format!("up{since}, {messages}"), Tint::Good),
        (false, Some(problem)) => (format!("away{since}: {}; {messages}", Printable(problem)), Tint::Bad),
        (false, None) => (format!("away{since}, {messages}"), Tint::Bad),
    }
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "none".to_owned(), second)
}
