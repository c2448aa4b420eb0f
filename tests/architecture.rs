//! Modules import in one direction: domain words below, then pure parts and the store, then actors, then the daemon.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// The files of the domain's words.
const DOMAIN: &[&str] = &[
    "codec",
    "group",
    "interval",
    "number_set",
    "printable",
    "reading",
    "run",
    "sensitivity",
    "sensor",
    "sensor_pattern",
    "suggest",
    "time",
    "verdict",
    "zone",
];

/// What knows everything, and is known by little.
const ABOVE: &[&str] = &["crate::actors", "crate::cli", "crate::config", "crate::daemon", "crate::pipeline"];

/// Below a folder or file of `src`, these words must not occur.
struct Rule {
    of: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        of: &[
            "condition",
            "export",
            "features",
            "model",
            "store",
            "window",
            "ingest",
            "sink",
            "scoring",
            "schedule",
            "telemetry",
        ],
        forbidden: ABOVE,
    },
    Rule {
        of: &["condition", "features", "model", "store", "window", "scoring", "schedule", "run_in_progress"],
        forbidden: &["rumqttc", "actix", "hyper", "axum"],
    },
    Rule { of: &["model_memory", "rescoring", "run_in_progress", "run_order"], forbidden: ABOVE },
    Rule { of: &["ingest", "sink"], forbidden: &["actix", "crate::store"] },
    Rule { of: &["condition"], forbidden: &["crate::store", "crate::live", "crate::model", "crate::ingest"] },
    Rule { of: &["features"], forbidden: &["crate::ingest", "crate::store", "crate::sink", "crate::scoring"] },
    Rule {
        of: &["model"],
        forbidden: &["crate::store", "crate::ingest", "crate::window", "crate::sink", "crate::features"],
    },
    Rule { of: &["store"], forbidden: &["crate::model", "crate::ingest", "crate::sink"] },
    Rule { of: &["actors", "pipeline"], forbidden: &["crate::config", "crate::cli", "crate::daemon"] },
    Rule { of: &["actors", "export", "pipeline"], forbidden: &["crate::http", "hyper", "axum"] },
    Rule { of: &["answers"], forbidden: &["crate::store", "crate::model", "crate::live", "crate::overview", "axum"] },
    Rule { of: &["answers", "live", "overview"], forbidden: ABOVE },
    Rule { of: &["live"], forbidden: &["crate::overview"] },
    Rule { of: &["answers", "live", "overview"], forbidden: &["crate::http", "actix", "hyper", "axum"] },
    Rule { of: &["http"], forbidden: &["crate::cli", "crate::config", "crate::daemon", "actix"] },
    Rule { of: &["config"], forbidden: &["crate::cli", "crate::daemon", "crate::store"] },
    Rule { of: &["daemon"], forbidden: &["crate::cli"] },
];

/// All source files, by their paths below `src`, without their comments and tests.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, files) } else { files.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let sources = sources.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), lines.join("\n"))
    });
    let is_test = |path: &str| path.ends_with("tests.rs") || path.ends_with("test_committer.rs");
    sources.filter(|(path, _)| !is_test(path)).collect()
}

/// Whether a file is a module, or below it.
fn is_of(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Whether code holds a word, whole.
fn names(code: &str, word: &str) -> bool {
    let part_of_name = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| {
        !part_of_name(code[..at].chars().next_back()) && !part_of_name(code[at + word.len()..].chars().next())
    })
}

/// The modules of ours that code imports by `crate::`.
fn imports(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    code.match_indices("crate::").map(|(at, found)| word(&code[at + found.len()..])).collect()
}

#[test]
fn the_domains_words_know_nothing_but_each_other() {
    for (path, code) in sources().iter().filter(|(path, _)| DOMAIN.iter().any(|module| is_of(path, module))) {
        for import in imports(code) {
            assert!(DOMAIN.contains(&&*import), "src/{path} imports crate::{import}");
        }
        for library in ["actix", "rumqttc", "sled", "tokio", "tracing"] {
            assert!(!names(code, library), "src/{path} names {library}");
        }
    }
}

#[test]
fn no_module_imports_against_the_direction() {
    let sources = sources();
    let mut broken = Vec::new();
    for Rule { of, forbidden } in RULES {
        for module in *of {
            let mut files = sources.iter().filter(|(path, _)| is_of(path, module)).peekable();
            assert!(files.peek().is_some(), "there is no src/{module}: the rule for it is out of date");
            for (path, code) in files {
                let found = forbidden.iter().filter(|word| names(code, word));
                broken.extend(found.map(|word| format!("src/{path} names {word}")));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn what_computes_is_told_the_time_and_reads_no_clock() {
    let modules = ["condition", "features", "pipeline", "schedule", "scoring", "window"];
    for (path, code) in sources().iter().filter(|(path, _)| modules.iter().any(|module| is_of(path, module))) {
        // The macro reads a clock for whoever uses it.
        for clock in ["Instant::now", "Timestamp::now", "SystemTime::now", "Utc::now", "elapsed()", "warn_limited"] {
            assert!(!names(code, clock), "src/{path} names {clock}");
        }
    }
}

#[test]
fn only_one_file_knows_the_database() {
    let knowing: Vec<_> = sources().into_iter().filter(|(_, code)| names(code, "sled")).map(|(path, _)| path).collect();
    assert_eq!(knowing, ["store/db.rs"]);
}

#[test]
fn only_who_puts_things_together_knows_the_configuration() {
    for (path, code) in sources() {
        let may = ["config", "daemon", "cli", "main"].iter().any(|module| is_of(&path, module));
        assert!(may || !names(&code, "crate::config"), "src/{path} names crate::config");
    }
}
