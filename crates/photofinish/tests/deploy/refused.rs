//! What makes no sense is refused, with the line it stands on and what to do; and without a cluster that is said.

use super::{FULL, Place, SMALL, stderr};

/// What is said about a configuration.
fn refused(config: &str) -> String {
    let output = Place::new(config).run(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    stderr(&output)
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_with_its_line_and_what_to_do() {
    let cases = [
        ("gateway = \"public\"", "", "deploy.gateway", "gateway = \"NAMESPACE/NAME\""),
        ("image = \"orders:7\"", "image = \"orders\"", "line 4", "name a version"),
        ("image = \"orders:7\"", "image = \"orders:latest\"", "line 4", "name a version"),
        ("image = \"orders:7\"", "", "deploy.image", "registry.internal"),
        ("name = \"orders\"", "name = \"Order Service\"", "line 2", "small letters"),
        ("gateway = \"public\"", "gateway = \"public\"\ncpu = \"fast\"", "line 6", "500m"),
        (
            "gateway = \"public\"",
            "gateway = \"public\"\ncpu_ratio = 0.5",
            "line 6",
            "race build takes",
        ),
        ("gateway = \"public\"", "gateway = \"public\"\nreplicas = 0", "line 6", "how many pods"),
        (
            "gateway = \"public\"",
            "gateway = \"public\"\nsplit = \"replicas\"\nreplicas = 9",
            "line 6",
            "weights",
        ),
        (
            "gateway = \"public\"",
            "gateway = \"public\"\nmirror_egress = [\"db:5432\"]",
            "line 6",
            "10.0.4.0/24:5432",
        ),
        ("[deploy]", "[proxy.canary]\nshare = \"20%\"\n[deploy]", "line 4", "large_share"),
        (
            "[deploy]",
            "[[proxy.mirror]]\nrules = [{ path = \"/a*b\" }]\n[deploy]",
            "line 4",
            "/admin/*",
        ),
        (
            "[deploy]",
            "[[proxy.mirror]]\nschedule = \"*/5 22 * * * for 1h\"\ntimezone = \"UTC\"\n[deploy]",
            "line 4",
            "KEDA",
        ),
        (
            "[deploy]",
            "[[proxy.mirror]]\nschedule = \"0 22 * * * for 1h\"\n[deploy]",
            "line 3",
            "Europe/Paris",
        ),
        ("[deploy]", "[[proxy.mirror]]\n[[proxy.mirror]]\n[deploy]", "line 4", "one mirror"),
    ];
    for (right, wrong, place, advice) in cases {
        let config = SMALL.replace(right, wrong);
        let said = refused(&config);
        assert!(said.contains(place) && said.contains(advice), "{wrong}:\n{said}");
    }
    let said = refused(&FULL.replace("command = [\"bin/mailer-race\"", "#"));
    assert!(said.contains("jobs.workers"), "{said}");
}

#[test]
fn what_ingress_nginx_cannot_do_is_refused_and_not_done_otherwise() {
    let output = Place::new(FULL).run(&["--target", "nginx-ingress"]);
    let said = stderr(&output);
    assert!(
        output.status.code() == Some(2)
            && said.contains("proxy.mirror[0].share")
            && said.contains("gateway-api"),
        "{said}"
    );
    // Nobody asked for a mirror: it is left out, and that is said.
    let output = Place::new(SMALL).run(&["--target", "nginx-ingress"]);
    assert!(
        output.status.success() && stderr(&output).contains("mirror is left out"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_overlay_that_there_is_not_is_named_with_those_there_are() {
    let output = Place::new(SMALL).run(&["--overlay", "jobs"]);
    let said = stderr(&output);
    assert!(
        output.status.code() == Some(2) && said.contains("canary, mirror, catch, serve"),
        "{said}"
    );
}

#[test]
fn without_kubectl_or_a_cluster_that_is_said_with_the_next_step() {
    let place = Place::new(SMALL);
    for command in ["check", "diff"] {
        let output = place.run(&[command, "--kubectl", "/no/such/kubectl"]);
        let said = stderr(&output);
        assert!(
            output.status.code() == Some(2)
                && said.contains("cannot run /no/such/kubectl")
                && said.contains("try:"),
            "{said}"
        );
    }
    let Some(kubectl) = photofinish_testkit::Kubernetes::get().ok().map(|tools| tools.kubectl)
    else {
        return;
    };
    let config = place.path().join("kubeconfig");
    let port = photofinish_testkit::free_port();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {{cluster: c, user: u}}\nclusters:\n\
         - name: c\n  cluster: {{server: 'http://127.0.0.1:{port}'}}\nusers:\n- name: u\n  user: {{}}\n"
    );
    std::fs::write(&config, text).unwrap();
    for command in ["check", "diff"] {
        let output = place.run(&[
            command,
            "--kubectl",
            kubectl.to_str().unwrap(),
            "--kubeconfig",
            config.to_str().unwrap(),
        ]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("no answer from a cluster") && said.contains("--context"), "{said}");
    }
}
