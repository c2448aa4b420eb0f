//! The API keeps what its description promises: a real daemon is asked everything that the description has, with values that
//! fit it and values that do not. No answer is a failure of the daemon, each has a status that is described, and JSON fits
//! its schema.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::support::http::{Answer, Http};
use crate::support::plant;
use crate::support::site::Site;

/// How many times each operation is asked.
const CASES: usize = 40;
/// What an operation may not be asked here: readings that are taken in are those of the test of imports.
const LEFT_OUT: [&str; 1] = ["/api/v1/import"];

/// Words that names in the description hint at, so that some questions find something.
const HINTS: [(&str, &[&str]); 12] = [
    ("device", &["press-1"]),
    ("sensor", &["flow", "vibration", "press-1/*"]),
    ("pattern", &["press-1/*", "*", "*/flow"]),
    ("since", &["2026-03-02T06:00:00Z", "2026-03-02T07:00:00+01:00"]),
    ("until", &["2026-03-02T08:00:00Z", "2026-03-03T00:00:00Z"]),
    ("what", &["runs", "verdicts", "models", "rejects", "sensors"]),
    ("table", &["readings", "intervals", "verdicts", "runs", "rejects"]),
    ("format", &["csv", "jsonl", "parquet"]),
    ("limit", &["1", "1000"]),
    // Of more than twenty orders the first are forgotten.
    ("id", &["1", "0", "20", "18446744073709551615"]),
    ("topic", &["plant/press-1/flow"]),
    ("kinds", &["reading", "run,verdict"]),
];

/// The description of the API, and what is made of it.
struct Description {
    document: Value,
    validators: BTreeMap<String, Validator>,
}

/// One way to ask.
#[derive(Clone)]
struct Operation {
    method: String,
    path: String,
    description: Value,
}

impl Description {
    fn read(http: &Http) -> Self {
        let document = http.get("/api/v1/openapi.json").json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
        Self { document, validators: BTreeMap::new() }
    }

    fn operations(&self) -> Vec<Operation> {
        let paths = self.document["paths"].as_object().unwrap();
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().clone();
            methods
                .into_iter()
                .map(|(method, description)| Operation { method, path: path.clone(), description })
                .collect()
        };
        paths.iter().flat_map::<Vec<_>, _>(of_path).collect()
    }

    /// What a reference leads to; anything else is itself.
    fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let found = self.document.pointer(reference.strip_prefix('#').unwrap());
                self.resolved(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// The schema that the JSON of an answer must fit.
    fn check(&mut self, operation: &Operation, answer: &Answer, asked: &str) {
        let responses = &operation.description["responses"];
        let (status, wildcard) = (answer.status.to_string(), format!("{}XX", answer.status / 100));
        let described = responses.get(&status).map(|found| (status, found));
        let described = described.or_else(|| responses.get(&wildcard).map(|found| (wildcard, found)));
        let (status, described) =
            described.unwrap_or_else(|| panic!("{} is not described: {asked}: {answer:?}", answer.status));
        let media_type = answer.header("content-type").split(';').next().unwrap().to_owned();
        if media_type.is_empty() {
            assert!(answer.body.is_empty(), "content of no type: {asked}: {answer:?}");
            return;
        }
        let content = &self.resolved(described)["content"];
        let schema =
            content.get(&media_type).unwrap_or_else(|| panic!("{media_type} is not described: {asked}: {content}"));
        if !media_type.ends_with("json") {
            return;
        }
        let key = format!("{} {} {status} {media_type}", operation.method, operation.path);
        let schema = json!({"allOf": [schema["schema"]], "components": self.document["components"]});
        let validator = self.validators.entry(key).or_insert_with(|| jsonschema::draft202012::new(&schema).unwrap());
        let body = answer.json();
        let problems: Vec<String> =
            validator.iter_errors(&body).map(|problem| format!("{}: {problem}", problem.instance_path())).collect();
        assert!(problems.is_empty(), "{asked}: {problems:#?}\n{body:#}");
    }
}

impl Operation {
    fn is_endless(&self) -> bool {
        self.description.pointer("/responses/200/content/text~1event-stream").is_some()
    }

    /// A question: its path with the parameters filled in, and its body.
    fn question(&self, description: &Description, runner: &mut TestRunner) -> (String, Option<Value>) {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in self.description["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let schema = description.resolved(&parameter["schema"]);
            let is_in_path = parameter["in"] == "path";
            let is_required = parameter["required"] == true;
            if is_in_path {
                let value = drawn(&text(name, schema).prop_filter("a segment", |text| !text.is_empty()), runner);
                path = path.replace(&format!("{{{name}}}"), &quoted(&value));
            } else if is_required || drawn(&prop::bool::weighted(0.6), runner) {
                query.push(format!("{}={}", quoted(name), quoted(&drawn(&text(name, schema), runner))));
            }
        }
        if drawn(&prop::bool::weighted(0.05), runner) {
            query.push("unheard-of=1".to_owned());
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let schema = self.description.pointer("/requestBody/content/application~1json/schema");
        let body = schema.map(|schema| drawn(&body(description, schema, 4), runner));
        (path, body)
    }
}

fn drawn<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// Values of a parameter, as text: such as fit mostly, and some that do not.
fn text(name: &str, schema: &Value) -> BoxedStrategy<String> {
    let hints: Vec<String> = HINTS
        .iter()
        .filter(|(hint, _)| *hint == name)
        .flat_map(|(_, words)| words.iter().map(|word| (*word).to_owned()))
        .chain(schema["enum"].as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())))
        .collect();
    let junk = prop_oneof![
        Just(String::new()),
        any::<String>(),
        "[ -~]{1,40}",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        Just("9999-12-31T23:59:59Z".to_owned()),
        Just("0001-01-01T00:00:00Z".to_owned()),
        Just("\0".to_owned()),
        Just("../../etc/passwd".to_owned()),
        Just("*".repeat(5000)),
    ];
    let bound = |key: &str, otherwise: i64| schema[key].as_i64().unwrap_or(otherwise);
    let numbers = (bound("minimum", -2)..=bound("maximum", 2000)).prop_map(|number| number.to_string());
    let booleans = any::<bool>().prop_map(|truth| truth.to_string());
    let types = schema["type"].to_string();
    let fitting = if !hints.is_empty() {
        prop::sample::select(hints).boxed()
    } else if types.contains("integer") {
        numbers.boxed()
    } else if types.contains("boolean") {
        booleans.boxed()
    } else {
        "[a-z0-9/*-]{1,12}".boxed()
    };
    prop_oneof![8 => fitting, 1 => junk].boxed()
}

/// Values of a schema, as JSON: such as fit mostly, and some that do not.
fn body(description: &Description, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
    let schema = description.resolved(schema);
    let junk = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ];
    if depth == 0 {
        return junk.boxed();
    }
    let of = |schema: &Value| body(description, schema, depth - 1);
    let choices =
        ["oneOf", "anyOf", "enum"].into_iter().find_map(|key| schema[key].as_array().map(|found| (key, found)));
    let types = schema["type"].to_string();
    let fitting = if let Some((key, choices)) = choices {
        let each = choices.iter().map(|choice| if key == "enum" { Just(choice.clone()).boxed() } else { of(choice) });
        prop::strategy::Union::new(each).boxed()
    } else if let Some(properties) = schema["properties"].as_object() {
        let members = properties.iter().map(|(name, schema)| {
            let member = prop::option::weighted(0.9, of(schema));
            member.prop_map({
                let name = name.clone();
                move |value| (name.clone(), value)
            })
        });
        let members: Vec<_> = members.map(Strategy::boxed).collect();
        members
            .prop_map(|members| {
                let there = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
                Value::Object(there.collect::<Map<_, _>>())
            })
            .boxed()
    } else if types.contains("string") {
        let words = HINTS.iter().flat_map(|(_, words)| words.iter().map(|word| (*word).to_owned())).collect::<Vec<_>>();
        prop_oneof![prop::sample::select(words), any::<String>()].prop_map(Value::from).boxed()
    } else if types.contains("boolean") {
        any::<bool>().prop_map(Value::from).boxed()
    } else {
        any::<i64>().prop_map(Value::from).boxed()
    };
    let given = prop_oneof![5 => fitting, 1 => junk];
    // What may be left out mostly is, so that some of what is asked is taken.
    if types.contains("null") { prop_oneof![1 => given, 3 => Just(Value::Null)].boxed() } else { given.boxed() }
}

fn quoted(text: &str) -> String {
    anomalyd::http::client::quoted(text)
}

#[test]
fn everything_that_the_description_has_is_answered_as_it_says() {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let socket = Http::Socket(site.path("store/anomalyd.sock"));
    let readings = plant::readings(7).into_iter().take(20_000).map(|reading| {
        json!({"time": reading.time.to_string(), "device": reading.sensor.device(), "sensor": reading.sensor.sensor(), "value": reading.value})
    });
    let lines = readings.map(|reading| reading.to_string()).collect::<Vec<_>>().join("\n");
    let taken_in = socket.ask("POST", "/api/v1/import", &[], lines.as_bytes());
    assert_eq!(taken_in.status, 200, "{taken_in:?}");

    let mut description = Description::read(&socket);
    let mut runner = TestRunner::deterministic();
    let mut found = BTreeSet::new();
    for operation in description.operations() {
        if LEFT_OUT.contains(&&*operation.path) {
            continue;
        }
        let cases = match (&operation.description["requestBody"], &operation.description["parameters"]) {
            // Few bodies have all that they need.
            (Value::Object(_), _) => 2 * CASES,
            (_, Value::Array(_)) => CASES,
            _ if operation.method != "get" => CASES,
            _ => 2,
        };
        for _ in 0..cases {
            let (path, body) = operation.question(&description, &mut runner);
            let method = operation.method.to_uppercase();
            let asked = format!("{method} {path} {}", body.as_ref().map_or_else(String::new, Value::to_string));
            let text = body.map(|body| body.to_string()).unwrap_or_default();
            let headers = [("content-type", "application/json")];
            let headers = if text.is_empty() { &[][..] } else { &headers[..] };
            let answer = match operation.is_endless() {
                true => socket.begin(&path),
                false => socket.ask(&method, &path, headers, text.as_bytes()),
            };
            assert!(answer.status < 500, "{asked}: {}", answer.text());
            if answer.status < 300 {
                found.insert((operation.method.clone(), operation.path.clone()));
            }
            if !operation.is_endless() || answer.status != 200 {
                description.check(&operation, &answer, &asked);
            }
        }
    }
    // Questions that never find anything would prove little.
    let silent: Vec<_> = description
        .operations()
        .into_iter()
        .map(|operation| (operation.method, operation.path))
        .filter(|operation| !found.contains(operation) && !LEFT_OUT.contains(&&*operation.1))
        .collect();
    let expected = |path: &str| path.contains("/rejects/") || path.ends_with("/login");
    let unexpected: Vec<_> = silent.iter().filter(|(_, path)| !expected(path)).collect();
    assert!(unexpected.is_empty(), "never answered well: {unexpected:?}");
    daemon.stop();
}

#[test]
fn every_operation_has_a_name_of_its_own_its_problems_and_says_who_may_ask() {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let description = Description::read(&Http::Socket(site.path("store/anomalyd.sock")));
    let mut names = BTreeSet::new();
    for Operation { method, path, description: operation } in description.operations() {
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        for status in ["4XX", "5XX"] {
            assert!(
                operation["responses"][status]["content"]["application/problem+json"].is_object(),
                "{method} {path}"
            );
        }
        let is_open = ["/healthz", "/readyz", "/api/v1/login", "/api/v1/logout"].contains(&&*path);
        assert_eq!(operation["security"].is_array(), !is_open, "{method} {path}");
        let words = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
        assert!(words.len() > 10, "{method} {path} does not say what it is for");
    }
    let mut references = Vec::new();
    collect_references(&description.document, &mut references);
    references
        .iter()
        .for_each(|reference| assert!(description.document.pointer(&reference[1..]).is_some(), "{reference}"));
    daemon.stop();
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(|reference| Some(reference.as_str()?.to_owned())));
            members.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}
