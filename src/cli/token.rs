//! `anomalyd token`: makes a token, by which somebody comes in over the port of the page and the API.

use std::io::{self, Write};

use crate::answers::Role;
use crate::http::{NewToken, new_token};

/// Makes a token for the page and the API, and prints it with the line for the file of the tokens
///
/// The file holds hashes only: whoever reads it cannot come in. So the token is shown once, here; give it to its holder. The
/// daemon takes the file up within a second of a change. Remove a line to take its token back.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Whose it is: a name for the log and the page
    #[arg(value_name = "NAME")]
    name: String,
    /// What the holder may do: a viewer looks, an operator changes things too
    #[arg(long, value_enum, default_value_t = GivenRole::Viewer)]
    role: GivenRole,
}

/// A role on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum GivenRole {
    /// Looks at everything
    Viewer,
    /// Changes things, too
    Operator,
}

/// Makes a token, and writes it to `out`.
///
/// # Errors
/// When the name is not one, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> io::Result<()> {
    let role = match args.role {
        GivenRole::Viewer => Role::Viewer,
        GivenRole::Operator => Role::Operator,
    };
    let NewToken { token, line } = new_token(&args.name, role)?;
    writeln!(out, "The token, which is shown once:\n\n    {token}\n")?;
    writeln!(out, "The line for the file of the tokens (http.token_file):\n\n    {line}")
}
