//! The tokens by which people and scripts come in over the port.
//!
//! The file has a line a token: a name, a role, and the SHA-256 of the token. A token is 256 random bits, so a plain hash is
//! as good as a slow one: nobody can try so many. The file is read again when it changes, so that a token can be given
//! and taken back while the daemon runs.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::answers::Role;

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The longest name of a token.
const MAX_NAME_BYTES: usize = 64;
/// How often the file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What stands before the hash.
const ALGORITHM: &str = "sha256:";

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TokenHash([u8; 32]);

/// Whose a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Holder {
    /// Its name, for the log and the page.
    pub(super) name: Arc<str>,
    /// What they may do.
    pub(super) role: Role,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file cannot be read.
    #[error("cannot read the tokens {}: {problem}; http.token_file must name a file that the daemon may read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        problem: io::Error,
    },
    /// A line is not one of a token.
    #[error("{}:{line}: {problem}; a line is NAME ROLE sha256:HASH, as `anomalyd token NAME` prints it", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nobody could come in.
    #[error("{} has no token, so nobody could come in; make one with `anomalyd token NAME`, and add the line that it prints", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

/// A token that was just made. It is shown once.
#[derive(Debug)]
pub struct NewToken {
    /// The token.
    pub token: String,
    /// The line for the file.
    pub line: String,
}

impl TokenHash {
    /// The hash of a token.
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.trim().as_bytes()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(ALGORITHM)?.as_bytes();
        let mut hash = [0; 32];
        if hex.len() != 2 * hash.len() {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

/// Makes a token.
///
/// # Errors
/// When the system has no random numbers, or the name is not one.
pub fn new_token(name: &str, role: Role) -> io::Result<NewToken> {
    check_name(name).map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
    let token = format!("anomalyd_{}", random_hex()?);
    let TokenHash(hash) = TokenHash::of(&token);
    Ok(NewToken { token, line: format!("{name} {role} {ALGORITHM}{}", hex(&hash)) })
}

/// 256 random bits.
pub(super) fn random_hex() -> io::Result<String> {
    let mut bits = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(hex(&bits))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(is_of_name) {
        return Err(format!("a name has 1 to {MAX_NAME_BYTES} letters, digits, or - _ . @"));
    }
    Ok(())
}

type Tokens = HashMap<TokenHash, Holder>;

/// Reads the text of a file; an error names the line and what is wrong with it. It never quotes the line, which may hold
/// a token in the place of its hash.
fn parse(text: &str) -> Result<Tokens, (usize, String)> {
    let mut tokens = Tokens::new();
    let lines = (1..).zip(text.lines().map(str::trim));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, role, hash] = fields[..] else {
            return Err((number, format!("it has {} words", fields.len())));
        };
        check_name(name).map_err(|problem| (number, problem))?;
        let role = Role::parse(role).ok_or_else(|| (number, "the role is viewer or operator".to_owned()))?;
        let hash = TokenHash::parse(hash)
            .ok_or_else(|| (number, format!("the third word is not {ALGORITHM} and 64 hexadecimal digits")))?;
        if tokens.insert(hash, Holder { name: name.into(), role }).is_some() {
            return Err((number, "the same token is there twice; give each its own".to_owned()));
        }
    }
    Ok(tokens)
}

/// The tokens of a file, as they are now.
#[derive(Debug)]
pub(super) struct TokenBook {
    file: PathBuf,
    state: Mutex<BookState>,
}

#[derive(Debug)]
struct BookState {
    tokens: Tokens,
    stamp: Option<FileStamp>,
    looked: Instant,
}

/// Tells a file from what it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileStamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl FileStamp {
    fn of(file: &Path) -> Option<Self> {
        let file = fs::metadata(file).ok()?;
        Some(Self { inode: file.ino(), bytes: file.len(), changed: (file.ctime(), file.ctime_nsec()) })
    }
}

impl TokenBook {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, has a line that is not one of a token, or has none.
    pub(super) fn read(file: &Path) -> Result<Self, TokenFileError> {
        let stamp = FileStamp::of(file);
        let tokens = read_file(file)?;
        Ok(Self { file: file.to_owned(), state: Mutex::new(BookState { tokens, stamp, looked: Instant::now() }) })
    }

    /// How many tokens there are.
    pub(super) fn count(&self) -> usize {
        self.current(Instant::now()).tokens.len()
    }

    /// Whose a token is; `None` when it is nobody's.
    pub(super) fn holder(&self, hash: TokenHash, now: Instant) -> Option<Holder> {
        self.current(now).tokens.get(&hash).cloned()
    }

    /// The tokens, read again if the file was changed. A file with a mistake changes nothing, and the log says so.
    fn current(&self, now: Instant) -> MutexGuard<'_, BookState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.looked) < LOOK_EVERY {
            return state;
        }
        state.looked = now;
        let stamp = FileStamp::of(&self.file);
        if stamp == state.stamp {
            return state;
        }
        state.stamp = stamp;
        match read_file(&self.file) {
            Ok(tokens) => {
                tracing::info!(tokens = tokens.len(), "the file of the tokens was changed, and is in force");
                state.tokens = tokens;
            }
            Err(problem) => tracing::error!("the tokens stay as they were: {problem}"),
        }
        state
    }
}

fn read_file(file: &Path) -> Result<Tokens, TokenFileError> {
    let unreadable = |problem| TokenFileError::Unreadable { file: file.to_owned(), problem };
    let mut text = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    let in_line = |(line, problem)| TokenFileError::Line { file: file.to_owned(), line, problem };
    let tokens = parse(&text).map_err(in_line)?;
    if tokens.is_empty() {
        return Err(TokenFileError::Empty { file: file.to_owned() });
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_made_is_known_by_its_line_and_the_line_does_not_hold_it() {
        let NewToken { token, line } = new_token("anna", Role::Operator).unwrap();
        let tokens = parse(&format!("# who may come in\n\n{line}\n")).unwrap();
        let anna = Holder { name: "anna".into(), role: Role::Operator };
        assert_eq!(tokens.get(&TokenHash::of(&token)), Some(&anna));
        assert_eq!(tokens.get(&TokenHash::of("anomalyd_0")), None);
        assert!(!line.contains(&token));
        assert_ne!(new_token("anna", Role::Operator).unwrap().token, token);
    }

    #[test]
    fn a_mistake_names_its_line_and_shows_nothing_of_it() {
        let hash = "a".repeat(64);
        for line in [
            "anna operator hunter2".to_owned(),
            format!("anna root sha256:{hash}"),
            format!("an/na viewer sha256:{hash}"),
            format!("anna viewer sha256:{hash}0"),
            format!("anna viewer sha256:{}", "ü".repeat(32)),
            "anna viewer".to_owned(),
            format!("bob viewer sha256:{hash}"),
        ] {
            let (number, problem) = parse(&format!("bob viewer sha256:{hash}\n{line}")).unwrap_err();
            assert_eq!(number, 2, "{line}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_token_is_given_and_taken_back_while_the_daemon_runs_and_a_mistake_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let [anna, bob] = ["anna", "bob"].map(|name| new_token(name, Role::Viewer).unwrap());
        fs::write(&file, &anna.line).unwrap();
        let book = TokenBook::read(&file).unwrap();
        let mut now = Instant::now();
        let mut knows = |token: &NewToken| {
            now += LOOK_EVERY;
            book.holder(TokenHash::of(&token.token), now).is_some()
        };
        assert!(knows(&anna) && !knows(&bob));
        fs::write(&file, format!("{}\n", bob.line)).unwrap();
        assert!(!knows(&anna) && knows(&bob));
        for mistake in ["no token", ""] {
            fs::write(&file, mistake).unwrap();
            assert!(knows(&bob));
        }
        fs::remove_file(&file).unwrap();
        assert!(knows(&bob));
    }
}
