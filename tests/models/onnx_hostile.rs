//! ONNX files made to cost much: each is read or refused soon, within the memory that is declared.

use std::io::Write;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, iter};

use anomalyd::model::{Limits, Model};
use ndarray::Array2;

use crate::onnx_file::{file, model, node, number, part, tensor, text, value};

/// Optimised, each takes less than 50 ms; tests are not optimised everywhere, and share the machine.
const SOON: Duration = Duration::from_secs(4);

/// What reading may take beside the bytes of the file.
const MEMORY: usize = 64 << 20;

fn chain(operator: &str, count: usize, further: &[&str]) -> Vec<Vec<u8>> {
    let names: Vec<String> = iter::once("x".to_owned()).chain((1..=count).map(|place| format!("v{place}"))).collect();
    let inputs = |first: &'_ str| [&[first], further].concat().into_iter().map(ToOwned::to_owned).collect::<Vec<_>>();
    names
        .windows(2)
        .map(|pair| node(operator, &inputs(&pair[0]).iter().map(String::as_str).collect::<Vec<_>>(), &pair[1]))
        .collect()
}

/// A graph over rows of `width` whose last value is an output.
fn wide(width: u64, nodes: &[Vec<u8>], tensors: &[Vec<u8>], output: &str) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| part(1, node)).collect();
    let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| part(5, tensor)).collect();
    file(&[nodes, tensors, part(11, &value("x", &[1, width])), part(12, &value(output, &[1, 1]))].concat())
}

fn ints(name: &str, numbers: impl Iterator<Item = i64> + Clone) -> Vec<u8> {
    let count = u64::try_from(numbers.clone().count()).unwrap();
    let raw: Vec<u8> = numbers.flat_map(i64::to_le_bytes).collect();
    [number(1, count), number(2, 7), text(8, name), part(9, &raw)].concat()
}

/// The same work on constants, again and again.
fn folded(operator: &str, count: usize) -> Vec<u8> {
    let names: Vec<String> = (0..=count).map(|place| format!("c{place}")).collect();
    let two = matches!(operator, "Pow" | "MatMul");
    let mut nodes: Vec<_> = names
        .windows(2)
        .map(|pair| node(operator, &[pair[0].as_str(), "c0"][..1 + usize::from(two)], &pair[1]))
        .collect();
    nodes.push(node("Add", &["x", names.last().unwrap()], "y"));
    wide(1_000, &nodes, &[tensor("c0", &[1_000, 1_000], &vec![0.5; 1_000_000])], "y")
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let layer = || node("MatMul", &["x", "w"], "y");
    let weights = || tensor("w", &[2, 1], &[1.0, -1.0]);
    let harmless = || model(&[layer()], &[weights()], &["y"]);
    let training = part(20, &part(1, &part(1, &text(1, "")).repeat(500_000)));
    let long = "n".repeat(5 << 20);
    let texts = part(9, b"").repeat(4_000_000);
    let places = ints("i", iter::repeat_n(0, 1_000_000));
    let empty = part(5, &[number(1, 0), number(2, 1)].concat());
    let names: Vec<String> = (0..150_000).map(|place| place.to_string()).collect();
    let many: Vec<u8> = names.iter().flat_map(|name| part(5, &tensor(name, &[], &[1.0]))).collect();
    let layers = |width: u64| {
        let numbers = vec![1.0; usize::try_from(width).unwrap()];
        let mut nodes = chain("LayerNormalization", 998, &["s"]);
        nodes.push(node("MatMul", &["v998", "w"], "y"));
        wide(width, &nodes, &[tensor("s", &[width], &numbers), tensor("w", &[width, 1], &numbers)], "y")
    };
    let graph = |parts: Vec<u8>| {
        let ends = [part(11, &value("x", &[1, 2])), part(12, &value("y", &[1, 1]))].concat();
        file(&[part(1, &layer()), part(5, &weights()), parts, ends].concat())
    };
    let gathers = (0..900).map(|place| node("Gather", &["x", "i"], &format!("g{place}"))).collect::<Vec<_>>();
    let gathers: Vec<_> = gathers.into_iter().map(|node| [node, part(5, &axis(1))].concat()).collect();
    vec![
        ("training info", [harmless(), training].concat()),
        ("value infos", graph(part(13, &value("", &[])).repeat(600_000))),
        ("texts in an attribute", model(&[[layer(), part(5, &texts)].concat()], &[weights()], &["y"])),
        ("a tensor of texts", graph(part(5, &[number(2, 8), part(6, b"").repeat(4_000_000)].concat()))),
        ("texts of documentation", [harmless(), text(6, "").repeat(4_000_000)].concat()),
        ("long names", {
            let nodes = [node("Add", &["x", &long], "a"), node("MatMul", &["a", "w"], "y")];
            model(&nodes, &[tensor(&long, &[], &[1.0]), weights()], &["y"])
        }),
        ("layer normalizations of a few", layers(4)),
        ("layer normalizations of many", layers(60_000)),
        (
            "places looked up again",
            wide(2, &[gathers, vec![node("MatMul", &["x", "w"], "y")]].concat(), &[places.clone(), weights()], "g899"),
        ),
        (
            "a shape of a million dimensions",
            wide(2, &[node("Reshape", &["x", "i"], "y")], std::slice::from_ref(&places), "y"),
        ),
        (
            "a shape far too large",
            wide(2, &[node("Expand", &["x", "i"], "y")], &[ints("i", [1 << 40, 1 << 40].into_iter())], "y"),
        ),
        ("powers of constants", folded("Pow", 900)),
        ("error functions of constants", folded("Erf", 900)),
        ("products of constants", folded("MatMul", 900)),
        ("transposed constants", folded("Transpose", 900)),
        ("empty tensors", graph(empty.repeat(1_000_000))),
        ("tensors", graph(many)),
        ("sums of the same", wide(2, &[node("Sum", &vec!["x"; 400_000], "y")], &[], "y")),
        ("sums of a wide row", wide(60_000, &[node("Sum", &vec!["x"; 400_000], "y")], &[], "y")),
        ("copies", wide(2, &chain("Identity", 150_000, &[]), &[], "v150000")),
        ("fields that nobody knows", graph(part(5, &[weights(), number(63, 1).repeat(5_000_000)].concat()))),
        (
            "numbers one by one",
            graph(part(5, &[number(1, 1 << 20), number(2, 7), number(7, 1).repeat(1 << 20), text(8, "n")].concat())),
        ),
        (
            "what is said of numbers elsewhere",
            graph(part(5, &[weights(), part(13, &text(1, "k")).repeat(2_000_000)].concat())),
        ),
        ("inputs of a column each", {
            let inputs: Vec<u8> = names.iter().flat_map(|name| part(11, &value(name, &[1, 1]))).collect();
            file(&[inputs, part(1, &node("Identity", &["0"], "y")), part(12, &value("y", &[1, 1]))].concat())
        }),
        ("inputs of all columns each", {
            let inputs: Vec<u8> = names.iter().take(1_000).flat_map(|name| part(11, &value(name, &[1, 60]))).collect();
            let inputs_again: Vec<_> = names.iter().take(1_000).cycle().take(300_000).map(String::as_str).collect();
            let concat = [node("Concat", &inputs_again, "y"), part(5, &axis(1))].concat();
            file(&[inputs, part(1, &concat), part(12, &value("y", &[1, 1]))].concat())
        }),
        ("outputs", {
            let outputs = part(12, &value("y", &[1, 1])).repeat(300_000);
            file(&[part(1, &layer()), part(5, &weights()), part(11, &value("x", &[1, 2])), outputs].concat())
        }),
    ]
}

fn axis(axis: u64) -> Vec<u8> {
    [text(1, "axis"), number(3, axis)].concat()
}

/// How long this thread has worked: time that others had the processor does not count.
fn busy() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

/// Reads a file, and scores an hour of minutes if it is a model.
fn put_to_work(name: &str, bytes: &[u8]) {
    let start = busy();
    let model = Model::read(bytes, &Limits::default());
    let read = busy() - start;
    assert!(read < SOON, "{name}: took {read:?}");
    let outcome = match &model {
        Ok(model) => {
            let rows = Array2::from_elem((60, model.width()), 0.5);
            let _ = model.evaluate(rows.view());
            "accepted".to_owned()
        }
        Err(error) => error.to_string().chars().take(90).collect(),
    };
    // For whoever measures: --nocapture.
    say(&format!("{name}: {} KiB, {read:?}, then {:?}: {outcome}", bytes.len() / 1024, busy() - start - read));
    let all = busy() - start;
    assert!(all < 2 * SOON, "{name}: took {all:?} with its evaluation");
}

/// What a run with --nocapture shows.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn resident(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// In a process of its own each, as the most memory that a process ever took is what can be asked for.
#[test]
fn what_costs_much_is_read_or_refused_soon_and_in_little_memory() {
    const BOMB: &str = "ANOMALYD_TEST_ONNX_BOMB";
    if let Some(name) = env::var_os(BOMB) {
        let bytes = fs::read(&name).unwrap();
        let before = resident("VmRSS") - bytes.len();
        put_to_work(&name.to_string_lossy(), &bytes);
        let taken = resident("VmHWM") - before;
        assert!(taken <= MEMORY + bytes.len(), "{} KiB", taken / 1024);
        say(&format!("{} KiB of memory", taken / 1024));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (name, bomb) in bombs() {
        assert!(bomb.len() <= 16 << 20, "{name}: {} bytes", bomb.len());
        let path = folder.path().join(name);
        fs::write(&path, bomb).unwrap();
        let test = "onnx_hostile::what_costs_much_is_read_or_refused_soon_and_in_little_memory";
        let mut command = Command::new(env::current_exe().unwrap());
        let output = command.args(["--exact", test, "--nocapture"]).env(BOMB, &path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ran = said.contains("of memory");
        say(&said.lines().filter(|line| line.contains("KiB")).collect::<Vec<_>>().join("; "));
        if !output.status.success() || !ran {
            wrong.push(format!("{name}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
