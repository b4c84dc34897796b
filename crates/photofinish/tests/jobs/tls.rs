//! Brokers that speak TLS, with a certificate of an authority of their own: trusted when told to, else refused.

use crate::matrix::{CALM, Queues, assert_shared};
use crate::rabbitmq::Rabbit;
use crate::support::House;
use photofinish_testkit::servers::{PostgresServer, RabbitServer, RedisServer};
use photofinish_testkit::{free_port, temp_dir};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;

/// An authority, and a server's certificate and key signed by it, for 127.0.0.1.
struct Trust {
    folder: tempfile::TempDir,
    certificate: String,
    key: String,
}

impl Trust {
    fn new() -> Trust {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().pem();
        let trust = Trust { folder: temp_dir(), certificate, key: key.serialize_pem() };
        std::fs::write(trust.path("ca.pem"), authority.pem()).unwrap();
        std::fs::write(trust.path("cert.pem"), &trust.certificate).unwrap();
        std::fs::write(trust.path("key.pem"), &trust.key).unwrap();
        trust
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with a configuration, and perhaps the authority to trust.
    fn house(&self, broker: &str, url: &str, is_trusted: bool) -> House {
        let house = House::new(&format!(
            "broker = \"{broker}\"\nurl = \"{url}\"\nsource = \"mail\"\n{CALM}"
        ));
        if is_trusted { house.with("SSL_CERT_FILE", &self.path("ca.pem")) } else { house }
    }

    /// What `photofinish jobs` says about a broker, which has no source.
    fn told(&self, broker: &str, url: &str, is_trusted: bool) -> String {
        let (code, said) = self.house(broker, url, is_trusted).jobs(&["status"]);
        assert_eq!(code == Some(0), is_trusted && !said.contains("error: "), "{said}");
        said
    }
}

#[test]
fn redis_is_spoken_to_by_tls_when_its_authority_is_trusted() {
    let (trust, port) = (Trust::new(), free_port());
    let [certificate, key, authority] =
        ["cert.pem", "key.pem", "ca.pem"].map(|name| trust.path(name).display().to_string());
    let port = port.to_string();
    let options = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let options = [&options[..], &["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"]];
    let Some(_server) = RedisServer::start_with(&options.concat()) else { return };
    let url = format!("rediss://127.0.0.1:{port}/0");
    let said = trust.told("redis-lists", &url, false);
    assert!(
        said.contains("cannot connect to Redis at 127.0.0.1") && said.contains("try: "),
        "{said}"
    );
    assert!(said.contains("certificate"), "{said}");
    let said = trust.told("redis-lists", &url, true);
    assert!(said.contains("there was never one"), "{said}");
}

#[test]
fn postgres_is_spoken_to_by_tls_as_strictly_as_the_url_asks() {
    let trust = Trust::new();
    let Some(server) = PostgresServer::start_with_tls(&trust.certificate, &trust.key) else {
        return;
    };
    let url = |mode: &str| format!("{}?sslmode={mode}", server.url());
    // As far as the database, which has no table of River's.
    let connected = "has no table river_job";
    for mode in ["disable", "prefer", "require"] {
        let said = trust.told("river", &url(mode), false);
        assert!(said.contains(connected), "{mode}: {said}");
    }
    for mode in ["verify-ca", "verify-full"] {
        let said = trust.told("river", &url(mode), false);
        assert!(
            said.contains("cannot connect to Postgres") && said.contains("certificate"),
            "{mode}: {said}"
        );
        let said = trust.told("river", &url(mode), true);
        assert!(said.contains(connected), "{mode}: {said}");
        let named = format!("{}&sslrootcert={}", url(mode), trust.path("ca.pem").display());
        assert!(trust.told("river", &named, false).contains(connected), "{mode}");
        // Another name for the same machine, which the certificate does not have.
        let said = trust.told("river", &named.replace("127.0.0.1", "localhost"), false);
        assert_eq!(said.contains(connected), mode == "verify-ca", "{mode}: {said}");
    }
    let said = trust.told("river", &url("always"), false);
    assert!(said.contains("the URL of the broker cannot be used"), "{said}");
    let said = trust.told("river", &format!("{}&sslrootcert=/none.pem", url("verify-full")), false);
    assert!(said.contains("/none.pem"), "{said}");
    drop(server);
    let Some(plain) = PostgresServer::start() else { return };
    let said = trust.told("river", &format!("{}?sslmode=require", plain.url()), false);
    assert!(said.contains("cannot connect to Postgres") && said.contains("try: "), "{said}");
}

#[test]
fn rabbitmq_is_spoken_to_by_tls_when_its_authority_is_trusted() {
    let trust = Trust::new();
    let lines = format!(
        "listeners.ssl.default = {{tls_port}}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n",
        trust.path("cert.pem").display(),
        trust.path("key.pem").display()
    );
    let Some(server) = RabbitServer::start_with(&lines) else { return };
    // Not trusted at all, or not with that name.
    let elsewhere = server.tls_url().replace("127.0.0.1", "localhost");
    for (url, is_trusted) in [(&server.tls_url(), false), (&elsewhere, true)] {
        let (code, said) = trust.house("rabbitmq", url, is_trusted).jobs(&["status"]);
        assert_eq!(code, Some(2), "{said}");
        for words in ["cannot connect to RabbitMQ", "certificate", "try: ", "SSL_CERT_FILE"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    let said = trust.told("rabbitmq", &server.tls_url(), true);
    assert!(said.contains("rabbitmq"), "{said}");
    // Jobs, too.
    let mut rabbit = Rabbit::new(server);
    let house = trust.house("rabbitmq", &rabbit.server.tls_url(), true);
    let sampler = house.sampler(&[]);
    rabbit.push(0..200);
    house.wait_seen(200);
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
    assert_shared(&mut rabbit, 200);
}
