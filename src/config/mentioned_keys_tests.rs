//! Every key that a message or a document names must be one that the configuration has: users look such names up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::tests::keys_known;

/// Endings of file names, which look like keys: `models.md`.
const ENDINGS: [&str; 10] = ["rs", "md", "toml", "csv", "py", "txt", "svg", "service", "js", "css"];

/// A file that an example loads; its name looks like a key.
const FILE: &str = "mqtt.password";

/// The string literals of Rust code, one after the other. Comments are left out, because they may speak of code.
fn literals(code: &str) -> String {
    let mut found = String::new();
    let mut rest = code;
    while let Some(character) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|behind| behind.trim_start_matches('#')).filter(|at| at.starts_with('"'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(quoted) = raw {
            let hashes = rest.len() - quoted.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let text = &quoted[1..];
            let length = text.find(&end).unwrap_or(text.len());
            found.push_str(&text[..length]);
            found.push('\n');
            (hashes + 2 + length + end.len()).min(rest.len())
        } else if character == '"' {
            let mut is_escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                ends
            });
            let length = end.unwrap_or(rest.len() - 1);
            // A literal that goes on in the next line after a backslash.
            let text = rest[1..=length].split("\\\n").map(str::trim_start).collect::<String>();
            found.push_str(&text);
            found.push('\n');
            (length + 2).min(rest.len())
        } else if let Some(quoted) = ["'\"'", "'\\\"'", "'\\''"].into_iter().find(|quoted| rest.starts_with(quoted)) {
            quoted.len()
        } else {
            character.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// The words of a text that are names with dots between them.
fn dotted(text: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '{' | '}' | ':' | '(');
    let words = text.split(move |c: char| !is_of_word(c)).map(|word| word.trim_matches(['.', ':', '(', '-']));
    words.filter(|word| word.contains('.') && word.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.')))
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, endings));
        } else if entry.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(entry);
        }
    }
    found
}

#[test]
fn every_key_that_is_named_anywhere_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let keys: BTreeSet<String> = keys_known()
        .into_iter()
        .map(|(section, key)| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") })
        .collect();
    let sections: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.rsplit_once('.')?.0)).collect();
    let is_known = |name: &str| {
        keys.contains(name)
            || sections.contains(name)
            || sections.iter().any(|section| section.strip_prefix(name).is_some_and(|below| below.starts_with('.')))
    };
    let tops: BTreeSet<&str> = sections.iter().filter_map(|section| section.split('.').next()).collect();

    let mut texts = Vec::new();
    for file in files(&root.join("src"), &["rs"]) {
        let is_test = file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
        if !is_test {
            let code = fs::read_to_string(&file).unwrap();
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            texts.push((file, literals(&code)));
        }
    }
    for folder in ["docs", "systemd"] {
        let found = files(&root.join(folder), &["md", "service", "conf"]);
        texts.extend(found.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())));
    }
    for file in ["README.md", "CHANGELOG.md", "config.toml"] {
        texts.push((root.join(file), fs::read_to_string(root.join(file)).unwrap()));
    }
    let mut named = 0;
    let mut unknown = Vec::new();
    for (file, text) in &texts {
        for word in dotted(text) {
            let (top, last) = (word.split('.').next().unwrap_or(""), word.rsplit('.').next().unwrap_or(""));
            if tops.contains(top) && !ENDINGS.contains(&last) && word != FILE {
                named += 1;
                if !is_known(word) {
                    unknown.push(format!("{}: {word}", file.strip_prefix(root).unwrap().display()));
                }
            }
        }
    }
    assert!(named > 100, "only {named} keys are named: they are not found any more");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn literals_are_found_and_comments_are_not() {
    let code = "// \"a.b\"\nf('\"', \"store.x\\\"y\"); r#\"mqtt.\"z\"#; \"one \\\n   line\"";
    assert_eq!(literals(code), "store.x\\\"y\nmqtt.\"z\none line\n");
}
