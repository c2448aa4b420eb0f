//! The port of the page and the API: who may come in, and that hostile clients harm nobody.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use fail::FailScenario;
use serde_json::json;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

use crate::support::daemon::Daemon;
use crate::support::http::{Http, exchange, make_token};
use crate::support::in_process::InProcess;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd, free_port};
use crate::support::{PATIENCE, alone, eventually, plant};

fn settings() -> Settings {
    plant::settings().with("http.listen", "\"127.0.0.1:0\"")
}

/// A daemon, its port, and its local socket.
fn start(settings: &Settings) -> (Site, Daemon, Http, Http) {
    let site = Site::new(settings);
    let mut daemon = site.start();
    let port = Http::of(&mut daemon);
    let socket = Http::Socket(site.path("store/anomalyd.sock"));
    (site, daemon, port, socket)
}

/// Settings with a file of tokens, which is to be written beside them.
fn with_tokens(settings: Settings) -> Settings {
    settings.with("http.token_file", "\"tokens\"")
}

/// A daemon with a viewer and an operator, whose tokens these are.
fn start_with_tokens(settings: Settings) -> (Site, Daemon, Http, [String; 2]) {
    let site = Site::new(&with_tokens(settings));
    let [(viewer, first), (operator, second)] = [make_token("vera", "viewer"), make_token("otto", "operator")];
    fs::write(site.path("tokens"), format!("{first}\n{second}\n")).unwrap();
    let mut daemon = site.start();
    let port = Http::of(&mut daemon);
    (site, daemon, port, [viewer, operator])
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

const READING: &[u8] = br#"{"time":"2026-03-02T06:00:00Z","device":"press-1","sensor":"flow","value":1.5}"#;

#[test]
fn without_tokens_everybody_here_may_look_and_only_the_socket_may_change_things() {
    let (_site, daemon, port, socket) = start(&settings());
    assert_eq!(port.get("/api/v1/me").json(), json!({"role": "viewer", "name": null}));
    assert_eq!(socket.get("/api/v1/me").json(), json!({"role": "operator", "name": null}));
    assert_eq!(port.get("/api/v1/about").status, 200);
    assert_eq!(port.get("/api/v1/dump/sensors").status, 200);
    for (method, path) in [("POST", "/api/v1/import"), ("GET", "/api/v1/store/backup")] {
        let refused = port.ask(method, path, &[], READING);
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.detail().contains("for an operator, and you are a viewer"), "{refused:?}");
    }
    assert_eq!(socket.ask("POST", "/api/v1/import", &[], READING).json()["accepted"], 1);
    daemon.stop();
}

#[test]
fn the_description_says_what_one_may_ask_without_a_token() {
    let asks_nothing = |asked: &Http, headers: &[(&str, &str)], path: &str, method: &str| {
        let document = asked.get_with("/api/v1/openapi.json", headers).json();
        let ways = document["paths"][path][method]["security"].as_array().unwrap().clone();
        ways.contains(&json!({}))
    };
    let (read, change) = (("/api/v1/status", "get"), ("/api/v1/models/reload", "post"));
    let (_site, daemon, port, socket) = start(&settings());
    assert!(asks_nothing(&port, &[], read.0, read.1) && !asks_nothing(&port, &[], change.0, change.1));
    assert!(asks_nothing(&socket, &[], read.0, read.1) && asks_nothing(&socket, &[], change.0, change.1));
    daemon.stop();
    let (_site, daemon, port, [viewer, _]) = start_with_tokens(settings());
    assert!(!asks_nothing(&port, &[("Authorization", &bearer(&viewer))], read.0, read.1));
    daemon.stop();
}

#[test]
fn a_range_may_reach_beyond_all_times_that_there_are() {
    let (_site, daemon, port, _) = start(&settings());
    let asked = "/api/v1/verdicts?since=0679-01-01T00:00:00Z&until=3729-01-01T00:00:00Z";
    assert_eq!(port.get(asked).json()["items"], json!([]));
    daemon.stop();
}

#[test]
fn the_threads_of_the_port_yield_to_those_that_take_readings_in() {
    let (_site, daemon, port, _) = start(&settings());
    assert_eq!(port.get("/api/v1/dump/sensors").status, 200);
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.id())).unwrap().filter_map(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("stat")).ok()?;
        let (head, fields) = stat.rsplit_once(") ")?;
        // The nineteenth field, where the name is the second (proc_pid_stat(5)).
        Some((head.split_once('(')?.1.to_owned(), fields.split(' ').nth(16)?.parse::<i32>().ok()?))
    });
    let threads: Vec<(String, i32)> = threads.collect();
    for name in ["http port", "http read", "local socket"] {
        let own: Vec<i32> = threads.iter().filter(|(thread, _)| thread == name).map(|(_, nice)| *nice).collect();
        assert!(!own.is_empty() && own.iter().all(|nice| *nice >= 10), "{name}: {threads:?}");
    }
    assert!(threads.iter().any(|(name, nice)| name == "committer" && *nice == 0), "{threads:?}");
    daemon.stop();
}

#[test]
fn a_daemon_that_reads_its_models_is_alive_and_not_ready() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let listen = free_port();
    let settings = plant::settings().with("models.deadline", "\"60s\"");
    let site = Site::new(&settings.with_text("http.listen", format!("127.0.0.1:{listen}")));
    fail::cfg("model::load press-1/flow", "pause").unwrap();
    thread::scope(|scope| {
        let daemon = scope.spawn(|| InProcess::start(&site));
        let port = Http::Port(listen);
        eventually("the port is open", || TcpStream::connect(("127.0.0.1", listen)).ok());
        let starting = port.get("/readyz");
        assert_eq!((starting.status, port.get("/healthz").status), (503, 200));
        assert!(starting.detail().contains("the daemon starts"), "{starting:?}");
        assert_eq!(port.get("/api/v1/me").status, 503);
        fail::remove("model::load press-1/flow");
        let _daemon = daemon.join().unwrap();
        assert_eq!((port.get("/readyz").status, port.get("/api/v1/me").status), (200, 200));
    });
    scenario.teardown();
}

#[test]
fn with_tokens_nobody_comes_in_without_one_and_each_may_what_its_role_may() {
    let (site, daemon, port, [viewer, operator]) = start_with_tokens(settings());
    let stranger = port.get("/api/v1/about");
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, "Bearer"));
    for path in ["/api/v1/openapi.json", "/api/v1/me", "/api/v1/dump/sensors", "/api/v1/store/backup"] {
        assert_eq!(port.get(path).status, 401, "{path}");
    }
    assert_eq!(port.get("/healthz").status, 200);
    assert_eq!(port.get("/readyz").status, 200);
    let ask = |token: &str, method: &str, path: &str| {
        port.ask(method, path, &[("authorization", &bearer(token))], READING).status
    };
    assert_eq!([&viewer, &operator].map(|token| ask(token, "GET", "/api/v1/about")), [200, 200]);
    assert_eq!([&viewer, &operator].map(|token| ask(token, "POST", "/api/v1/import")), [403, 200]);
    assert_eq!(ask("anomalyd_0", "GET", "/api/v1/about"), 401);
    let me = port.get_with("/api/v1/me", &[("authorization", &bearer(&operator))]).json();
    assert_eq!(me, json!({"role": "operator", "name": "otto"}));

    // A token that is taken back is nobody's within seconds; the file holds no token.
    let tokens = fs::read_to_string(site.path("tokens")).unwrap();
    assert!(!tokens.contains(&viewer) && !tokens.contains(&operator));
    fs::write(site.path("tokens"), tokens.lines().next().unwrap()).unwrap();
    eventually("the operator is nobody", || (ask(&operator, "GET", "/api/v1/about") == 401).then_some(()));
    assert_eq!(ask(&viewer, "GET", "/api/v1/about"), 200);
    assert!(!daemon.text().contains("anomalyd_"), "a token is in the log");
    daemon.stop();
}

#[test]
fn a_browser_logs_in_by_a_cookie_that_no_script_reads_and_logs_out() {
    let (_site, daemon, port, [viewer, _]) = start_with_tokens(settings());
    assert!(port.get("/").text().contains("Log in"));
    let wrong = port.post_json("/api/v1/login", &[], &json!({"token": "wrong"}));
    assert_eq!(wrong.status, 401);
    assert_eq!(port.post_json("/api/v1/login", &[], &json!({"tokens": "wrong"})).status, 400);
    let login = port.post_json("/api/v1/login", &[], &json!({"token": viewer}));
    assert_eq!((login.status, login.json()), (200, json!({"role": "viewer", "name": "vera"})));
    let cookie = login.header("set-cookie");
    assert!(cookie.ends_with("Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(&viewer));
    let session = cookie.split(';').next().unwrap();
    let cookies = format!("other=1; {session}");
    let with_session = [("cookie", &*cookies)];
    assert_eq!(port.get_with("/api/v1/me", &with_session).json()["name"], "vera");
    assert!(!port.get_with("/", &with_session).text().contains("Log in"));
    let mut listening = TcpStream::connect(("127.0.0.1", port.port())).unwrap();
    listening.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        listening,
        "GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\ncookie: {cookies}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut begin = [0; 15];
    listening.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let logout = port.ask("POST", "/api/v1/logout", &with_session, b"");
    assert_eq!(logout.status, 204);
    assert!(logout.header("set-cookie").contains("Max-Age=0"), "{logout:?}");
    assert_eq!(port.get_with("/api/v1/me", &with_session).status, 401);
    // What it began to listen to ends too; until then it is told now and then that nothing happens.
    let until = Instant::now() + PATIENCE / 4;
    while listening.read(&mut begin).unwrap() > 0 {
        assert!(Instant::now() < until, "a listener outlives its login");
    }
    daemon.stop();
}

#[test]
fn an_address_that_tries_many_tokens_has_to_wait_and_those_with_a_right_one_come_in() {
    let (_site, daemon, port, [viewer, _]) =
        start_with_tokens(settings().with("http.max_failed_logins_per_minute", "3"));
    let login = |token: &str| port.post_json("/api/v1/login", &[], &json!({"token": token}));
    let session = login(&viewer).header("set-cookie").split(';').next().unwrap().to_owned();
    let tried: Vec<u16> = (0..4).map(|_| login("wrong").status).collect();
    assert_eq!(tried, [401, 401, 401, 429]);
    assert_eq!(port.get_with("/api/v1/me", &[("authorization", &bearer("wrong"))]).status, 429);
    assert_eq!(port.get_with("/api/v1/me", &[("cookie", &session)]).status, 200);
    assert_eq!(port.get_with("/api/v1/me", &[("authorization", &bearer(&viewer))]).status, 200);
    daemon.stop();
}

#[test]
fn a_page_of_another_site_reads_nothing_and_changes_nothing() {
    let (_site, daemon, port, _) = start(&settings());
    let rebound = port.get_with("/api/v1/about", &[("host", "evil.example")]);
    assert_eq!(rebound.status, 421);
    assert!(rebound.detail().contains("http.host_names"), "{rebound:?}");
    for header in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let refused = port.ask("POST", "/api/v1/logout", &[header], b"");
        assert_eq!(refused.status, 403, "{header:?}");
        // Nor may a picture in it have the daemon work.
        assert_eq!(port.get_with("/api/v1/timeline", &[header]).status, 403, "{header:?}");
    }
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(port.get_with("/", &link).status, 200);
    let frame = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    assert_eq!(port.get_with("/", &frame).status, 403);
    assert_eq!(port.ask("POST", "/api/v1/logout", &link, b"").status, 403);
    let own = [("origin", "http://localhost"), ("sec-fetch-site", "same-origin")];
    assert_eq!(port.ask("POST", "/api/v1/logout", &own, b"").status, 204);
    // No answer, not even a refusal, may be framed, guessed at or read by others.
    for answer in [rebound, port.get("/"), port.get("/nothing"), port.get("/api/v1/me")] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{answer:?}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    daemon.stop();
}

#[test]
fn an_answer_that_the_client_has_is_not_sent_again_and_one_that_it_takes_compressed_is() {
    let (_site, daemon, port, _) = start(&settings());
    for path in ["/api/v1/openapi.json", "/", "/page/login.js"] {
        let plain = port.get(path);
        let known = port.get_with(path, &[("if-none-match", plain.header("etag"))]);
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        assert_eq!(known.header("etag"), plain.header("etag"));
        assert_eq!(port.get_with(path, &[("if-none-match", "\"other\"")]).status, 200, "{path}");
        let packed = port.get_with(path, &[("accept-encoding", "br, gzip")]);
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body, "{path}");
        let head = port.ask("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    daemon.stop();
}

#[test]
fn clients_that_are_too_many_too_quick_or_too_large_are_refused_and_the_socket_answers_all_the_same() {
    let (_site, daemon, port, socket) = start(
        &settings()
            .with("http.max_connections", "4")
            .with("http.max_requests_per_second", "20")
            .with("http.max_request", "\"4 KiB\""),
    );
    let large = port.ask("POST", "/api/v1/login", &[], &vec![b'x'; 5000]);
    assert_eq!(large.status, 413);
    // An address that floods is limited.
    let statuses: Vec<u16> = (0..60).map(|_| port.get("/healthz").status).collect();
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    // Three connections that say nothing take all that an address may have.
    let mut silent: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(("127.0.0.1", port.port())).unwrap()).collect();
    silent.iter_mut().for_each(|silent| silent.write_all(b"GET / HTTP/1.1\r\n").unwrap());
    eventually("a further connection is closed at once", || {
        let mut further = TcpStream::connect(("127.0.0.1", port.port())).ok()?;
        further.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(further.read(&mut [0; 1]), Ok(0) | Err(_)).then_some(())
    });
    assert_eq!(socket.get("/api/v1/me").status, 200);
    // Those that do not come to the end of their header are given up, and make room.
    for mut silent in silent {
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        let _ = silent.read_to_end(&mut rest);
    }
    assert_ne!(port.get("/healthz").status, 0);
    daemon.stop();
}

#[test]
fn with_tls_a_client_that_trusts_the_certificate_is_answered_and_one_without_tls_is_not() {
    let sample = |name: &str| format!("{}/tests/samples/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key) = (sample("certificate.pem"), sample("key.pem"));
    let (_site, daemon, port, [viewer, _]) =
        start_with_tokens(settings().with_text("http.certificate_file", &certificate).with_text("http.key_file", &key));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let client = client.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let client = Arc::new(client.with_no_client_auth());
    let connect = || TcpStream::connect(("127.0.0.1", port.port())).unwrap();
    let name = || ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(&client), name()).unwrap();
    let body = json!({"token": viewer}).to_string();
    let request = format!(
        "POST /api/v1/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let login = exchange(StreamOwned::new(session, connect()), request.as_bytes());
    assert_eq!(login.status, 200);
    assert!(login.header("set-cookie").ends_with("; Secure"), "{login:?}");
    let mut plain = connect();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    daemon.stop();
}

#[test]
fn a_port_that_is_taken_refuses_the_start_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let site = Site::new(&settings().with_text("http.listen", &address));
    let mut daemon = site.spawn();
    let status = daemon.wait_until_ended();
    assert_eq!(status.code(), Some(1));
    let said = daemon.text();
    assert!(said.contains(&address) && said.contains("http.listen") && said.contains("another program"), "{said}");
    let check = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let found = String::from_utf8(check.stdout).unwrap();
    assert!(found.contains("mistake: http.listen") && found.contains(&address), "{found}");
}

#[test]
fn the_check_says_who_may_come_in_and_that_tokens_go_over_the_network_unencrypted() {
    let check = |site: &Site| {
        let check = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
        (check.status.code(), String::from_utf8(check.stdout).unwrap())
    };
    let (_, found) = check(&Site::new(&settings()));
    assert!(found.contains("everybody on this machine may look, and nobody may change anything"), "{found}");

    let open = settings().with("http.listen", "\"0.0.0.0:0\"");
    let (code, found) = check(&Site::new(&open));
    assert_eq!(code, Some(78), "{found}");
    assert!(found.contains("http.listen") && found.contains("anomalyd token NAME"), "{found}");

    let site = Site::new(&with_tokens(open));
    fs::write(site.path("tokens"), make_token("vera", "viewer").1).unwrap();
    let (code, found) = check(&site);
    assert_eq!(code, Some(0), "{found}");
    assert!(found.contains("warning: http.listen") && found.contains("unencrypted"), "{found}");
    assert!(found.contains("who have one of 1 token"), "{found}");

    fs::write(site.path("tokens"), "vera viewer hunter2\n").unwrap();
    let (code, found) = check(&site);
    assert_eq!(code, Some(1), "{found}");
    assert!(found.contains("tokens:1") && !found.contains("hunter2"), "{found}");
}
