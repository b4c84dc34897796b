//! What findings do, kept in a Postgres: the same as in a file, and what only a server can do to them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod cases;
mod common;

use common::{Kept, race, sighting};
use photofinish_model::Race;
use photofinish_store::{Filter, NewSighting, Store, StoreError};
use photofinish_testkit::servers::PostgresServer;
use photofinish_testkit::{wait_for, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
const CHILD: &str = "PHOTOFINISH_STORE_TEST_CHILD";

/// Runs statements as somebody who is not photofinish.
fn sql(server: &PostgresServer, statements: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, line) =
            tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(line);
        client.batch_execute(statements).await.unwrap();
    });
}

/// The address of a schema with nothing in it.
fn empty_schema(server: &PostgresServer) -> String {
    static SCHEMAS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("s{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    sql(server, &format!("CREATE SCHEMA {name}"));
    format!("{}?options=-csearch_path%3D{name}", server.url())
}

fn counts(store: &Store) -> Vec<u64> {
    let findings = store.findings(&Filter::default()).unwrap();
    let mut counts: Vec<u64> = findings.iter().map(|finding| finding.count).collect();
    counts.sort_unstable();
    counts
}

/// Records until it was taken, as everybody who delivers does.
fn insist(store: &mut Store, sightings: &[NewSighting<'_>]) {
    wait_until(LONG, "sightings to be taken", || store.record_all(sightings).is_ok());
}

#[test]
fn findings_do_in_postgres_what_they_do_in_a_file() {
    let Some(server) = PostgresServer::start() else { return };
    macro_rules! run {
        ($($group:ident $case:ident,)*) => {
            $(
                println!("{}", stringify!($case));
                let store = Store::open(empty_schema(&server).as_str()).unwrap();
                cases::$group::$case(Kept { dir: tempfile::tempdir().unwrap(), store });
            )*
        };
    }
    cases::with_all_cases!(run);
}

/// Not a test by itself: what the processes of the tests below run, `url|name|count|batch`.
#[test]
fn child_process() {
    if let Ok(task) = std::env::var(CHILD) {
        common::record(&task, insist);
    }
}

fn child(url: &str, name: &str, count: usize, batch: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CHILD, format!("{url}|{name}|{count}|{batch}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
fn processes_that_make_the_tables_and_write_at_once_lose_nothing() {
    let Some(server) = PostgresServer::start() else { return };
    let url = empty_schema(&server);
    // Two by two they deliver the same keys, as a spool and a live delivery might.
    let children: Vec<Child> =
        (0..6).map(|i| child(&url, &format!("p{}", i / 2), 150, [1, 7, 50][i % 3])).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(counts(&Store::open(url.as_str()).unwrap()), [150, 150, 150]);
}

#[test]
fn whoever_is_killed_nothing_is_lost_and_nothing_counted_twice() {
    use std::io::{BufRead, BufReader};
    let Some(mut server) = PostgresServer::start() else { return };
    let url = empty_schema(&server);
    let read = Store::open(url.as_str()).unwrap();
    for round in 1..=6 {
        let mut victim = child(&url, "victim", 6_000, 3);
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let recorded =
            lines.by_ref().map(Result::unwrap).filter(|line| line.starts_with("recorded"));
        let mut told = recorded.take(round * 7).count();
        if round % 3 == 0 {
            // Of Postgres, while the other goes on and insists.
            server.crash_and_restart();
            told += lines.by_ref().map(Result::unwrap).take(20).count();
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        told += lines.map_while(Result::ok).filter(|l| l.starts_with("recorded")).count();
        let kept = wait_for(LONG, "Postgres", || read.findings(&Filter::default()).ok());
        let kept: u64 = kept.iter().map(|finding| finding.count).sum();
        assert!(kept >= 3 * told as u64, "round {round}: {told} batches told of, {kept} kept");
    }
    assert!(child(&url, "victim", 1_500, 500).wait_with_output().unwrap().status.success());
    assert!(child(&url, "victim", 1_500, 100).wait_with_output().unwrap().status.success());
    let kept: u64 = counts(&read).iter().sum();
    let keys = "SELECT count(*) FROM sighting";
    assert!(kept >= 1_500);
    assert_eq!(kept, number(&url, keys), "each key is counted once");
}

/// The only number of an answer.
fn number(url: &str, query: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, line) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(line);
        let row = client.query_one(query, &[]).await.unwrap();
        u64::try_from(row.get::<_, i64>(0)).unwrap()
    })
}

#[test]
fn a_store_goes_on_after_postgres_was_away() {
    let Some(mut server) = PostgresServer::start() else { return };
    let mut store = Store::open(empty_schema(&server).as_str()).unwrap();
    let first = race("First");
    store.record(&sighting("before", &first)).unwrap();
    let version = store.version().unwrap();
    server.crash_and_restart();
    // The first word on the old connection may fail; nothing is half done by it.
    insist(&mut store, &[sighting("after", &first), sighting("before", &first)]);
    assert_eq!(counts(&store), [2]);
    assert_ne!(store.version().unwrap(), version, "who watches sees that something was written");
}

#[test]
fn a_batch_that_fails_in_the_middle_leaves_nothing_behind() {
    let Some(server) = PostgresServer::start() else { return };
    let url = empty_schema(&server);
    let mut store = Store::open(url.as_str()).unwrap();
    let schema = url.rsplit("%3D").next().unwrap();
    sql(&server, &format!("ALTER TABLE {schema}.activity ADD CHECK (count < 3)"));
    let (first, second) = (race("First"), race("Second"));
    let keys = ["a", "b", "c", "d"].map(|key| sighting(key, &first));
    let error = store.record_all(&keys).unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("activity"));
    assert_eq!(counts(&store), [0; 0], "all or nothing");
    assert!(store.record(&sighting("e", &second)).unwrap().new, "and the next one is taken");
}

#[test]
fn tables_of_an_older_photofinish_are_counted_like_new_ones() {
    let Some(server) = PostgresServer::start() else { return };
    let url = empty_schema(&server);
    let mut store = Store::open(url.as_str()).unwrap();
    cases::list::fill(&mut store);
    let totals = store.totals().unwrap();
    assert!(!totals.sightings.is_empty());
    drop(store);
    let schema = url.rsplit("%3D").next().unwrap();
    sql(
        &server,
        &format!(
            "DROP TABLE {schema}.total; DROP INDEX {schema}.tally_service; UPDATE {schema}.photofinish SET version = 5"
        ),
    );
    assert_eq!(Store::open(url.as_str()).unwrap().totals().unwrap(), totals);
}

#[test]
fn letters_that_postgres_does_not_take_are_kept_as_others() {
    let Some(server) = PostgresServer::start() else { return };
    let mut store = Store::open(empty_schema(&server).as_str()).unwrap();
    let hostile = Race { raw: "cut\0here '); DROP TABLE finding; --".into(), ..race("Nul\0") };
    let key = "key\0'\"";
    let id = store.record(&sighting(key, &hostile)).unwrap().fingerprint;
    assert!(store.record(&sighting(key, &hostile)).unwrap().duplicate);
    let finding = store.finding(&id).unwrap();
    assert_eq!(finding.latest_raw, "cut\u{2400}here '); DROP TABLE finding; --");
}

#[test]
fn what_cannot_be_used_says_why_and_never_tells_the_password() {
    let Some(mut server) = PostgresServer::start() else { return };
    let open = |url: &str| {
        let error = Store::open(url).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        error
    };
    let secret = server.url().replace("postgres@", "nobody:s3cret@");
    let error = open(&secret);
    assert!(matches!(error, StoreError::NotLetIn { .. }), "{error:?}");
    assert!(error.to_string().contains("postgres://nobody@127.0.0.1:"), "{error}");
    let error = open(&server.url().replace("/postgres", "/nothing"));
    assert!(matches!(error, StoreError::NotLetIn { .. }), "{error:?}");
    assert!(matches!(open("postgres://x:y:z/?what=1"), StoreError::NotLetIn { .. }));
    let theirs = empty_schema(&server);
    sql(&server, &format!("CREATE TABLE {}.milk (id INT)", theirs.rsplit("%3D").next().unwrap()));
    assert!(matches!(open(&theirs), StoreError::Foreign { .. }));
    let newer = empty_schema(&server);
    drop(Store::open(newer.as_str()).unwrap());
    sql(
        &server,
        &format!("UPDATE {}.photofinish SET version = 99", newer.rsplit("%3D").next().unwrap()),
    );
    assert!(matches!(open(&newer), StoreError::Newer { found: 99, .. }));
    let url = server.url();
    server.stop();
    assert!(matches!(open(&url), StoreError::Away { .. }));
}

#[test]
fn an_authority_of_its_own_is_believed_when_it_is_named() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap().pem();
    let Some(server) = PostgresServer::start_with_tls(&certificate, &key.serialize_pem()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let open = |words: &str| Store::open(format!("{}?{words}", server.url()).as_str());
    let mut store = open(&format!("sslmode=verify-full&sslrootcert={}", file.display())).unwrap();
    insist(&mut store, &[sighting("1", &race("main.a"))]);
    assert_eq!(
        counts(&open("sslmode=require").unwrap()),
        [1],
        "encrypted, and nobody is asked who he is"
    );
    let error = open("sslmode=verify-full").unwrap_err();
    assert!(matches!(error, StoreError::NotLetIn { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("sslrootcert")), "{error:?}");
    let error = open("sslmode=sometimes").unwrap_err();
    assert!(error.hint().is_some(), "{error:?}");
}
