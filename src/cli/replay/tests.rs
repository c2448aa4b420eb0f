use std::net::TcpListener;
use std::thread;

use clap::Parser;

use super::*;
use crate::cli::publish::tests::Connection;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    replay: Args,
}

fn parse(arguments: &str) -> Result<Args, String> {
    let arguments = std::iter::once("replay").chain(arguments.split(' '));
    Cli::try_parse_from(arguments).map(|cli| cli.replay).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_history_with_line_ends_of_windows_is_published_row_by_row_and_the_summary_accounts_for_every_row() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut connection = Connection::accept(&listener);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let message = connection.message();
            connection.acknowledge(message.id);
            seen.push((message.topic, message.payload));
        }
        assert_eq!(connection.packet().0 >> 4, 14, "a DISCONNECT, and nothing before");
        seen
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a history of ours.csv");
    let rows = "TS,Device,Tag,Value\n2018-08-28 23:00:00.000,1,4,7\n2018-08-28 23:00:05.000,1,4,84.53\n\
                2018-08-28 23:00:10.000,1,4,oops\n2018-08-28 23:00:15.250,2,5,0.1\n2018-08-28 23:00:20.000,1,1,7\n";
    std::fs::write(&file, rows.replace('\n', "\r\n")).unwrap();
    let to = format!("mqtt://127.0.0.1:{port}");
    let args = ["replay", file.to_str().unwrap(), "--to", &to, "--speed", "max"];
    let bounds = ["--from", "2018-08-28T23:00:05Z", "--until", "2018-08-28T23:00:20Z"];
    let args = Cli::try_parse_from([&args[..], &bounds].concat()).unwrap().replay;
    let mut out = Vec::new();
    run(&args, &mut out).await.unwrap();
    let expected = [
        ("plant/1/4", r#"{"ts":"2018-08-28T23:00:05Z","value":84.53}"#),
        ("plant/2/5", r#"{"ts":"2018-08-28T23:00:15.250Z","value":0.1}"#),
    ];
    assert_eq!(server.join().unwrap(), expected.map(|(topic, payload)| (topic.to_owned(), payload.to_owned())));
    let summary = String::from_utf8(out).unwrap();
    for line in [
        "read          2 readings, 1 rows or cells refused\n",
        "2 passed over, which are outside --from and --until",
        "a history of ours.csv:4: \"oops\" is not a finite number",
        "sent          2 messages",
        "acknowledged  2 of 2\n",
        "warning       readings were sent more than an hour after their time (2), the first of 2018-08-28T23:00:05Z",
    ] {
        assert!(summary.contains(line), "{line:?} in\n{summary}");
    }
}

#[tokio::test]
async fn a_missing_file_is_told_before_anything_is_sent() {
    let missing = parse("nowhere.csv --to mqtt://127.0.0.1:1").unwrap();
    let error = replay(&missing).await.unwrap_err().to_string();
    assert!(error.contains("cannot read nowhere.csv"), "{error}");
}

#[test]
fn arguments_are_checked_where_they_are_given() {
    let minimal = parse("h.csv --to mqtt://h").unwrap();
    assert_eq!((minimal.speed, minimal.topic.as_str()), (Speed::Times(1.0), "plant/{device}/{sensor}"));
    for (arguments, part) in [
        ("h.csv --to localhost", "mqtt://"),
        ("h.csv --to mqtt://h --speed 0", "not a speed"),
        ("h.csv --to mqtt://h --topic plant/{sensor}", "{device}"),
        ("h.csv --to mqtt://h --from noon", "\"noon\" is not a time"),
        ("h.csv --to mqtt://h --columns TS", "time=NAME"),
    ] {
        let error = parse(arguments).unwrap_err();
        assert!(error.contains(part), "{arguments}: {error}");
    }
}
