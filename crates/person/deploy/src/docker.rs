//! Dockerfiles: one that builds the service twice, one for photofinish itself.
//!
//! A `-race` binary is linked against the C library, so it is built on one Debian and runs on a distroless image of
//! the same; nothing runs as root, and there is no shell in any of them.

use crate::plan::Plan;
use crate::pod::USER;

/// The normal and the race build of the service, as two targets.
pub(crate) fn service(plan: &Plan) -> String {
    two_builds(
        plan,
        &plan.binary,
        &plan.build,
        &plan.images.stable,
        &plan.images.race,
        "deploy/Dockerfile",
    )
}

/// The race-built worker, where it is a program of its own.
pub(crate) fn worker(plan: &Plan) -> Option<String> {
    let program = plan.jobs.as_ref()?.command.first()?;
    let binary = program.strip_suffix("-race").unwrap_or(program);
    let build = plan.worker_build.as_ref()?;
    let normal = plan.images.worker.replace("-race", "");
    Some(two_builds(plan, binary, build, &normal, &plan.images.worker, "deploy/Dockerfile.worker"))
}

fn two_builds(
    plan: &Plan,
    binary: &str,
    build: &[String],
    normal: &str,
    race: &str,
    file: &str,
) -> String {
    let name = binary.rsplit('/').next().unwrap_or(binary);
    let flags = build.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ");
    let (go, photofinish) = (&plan.go, &plan.images.photofinish);
    format!(
        r#"# In the folder of the Go module:
#   docker build -f {file} --target stable -t {normal} .
#   docker build -f {file} --target race -t {race} .
# Pin the images below by digest once they are in a registry of your own.
ARG PHOTOFINISH={photofinish}
FROM ${{PHOTOFINISH}} AS photofinish

FROM golang:{go}-bookworm AS build
COPY --from=photofinish /usr/local/bin/photofinish /usr/local/bin/photofinish
WORKDIR /src
COPY go.mod go.sum* ./
RUN go mod download
COPY . .
# Both builds, of the same source with the same flags, and the notes that `photofinish run` reads.
RUN photofinish build {flags} --output /out/{name}

FROM gcr.io/distroless/base-debian12:nonroot AS stable
COPY --from=build /out/{name} {binary}
USER {USER}:{USER}
ENTRYPOINT ["{binary}"]

# The race build needs the C library that it was linked against; photofinish needs libgcc besides.
FROM gcr.io/distroless/cc-debian12:nonroot AS race
COPY --from=photofinish /usr/local/bin/photofinish /usr/local/bin/photofinish
COPY --from=build /out/{name}-race* {folder}/
USER {USER}:{USER}
ENTRYPOINT ["photofinish", "run", "--", "{binary}-race"]
"#,
        folder = binary.rsplit_once('/').map_or("/app", |(folder, _)| folder),
    )
}

/// photofinish alone: `serve`, `catch`, the sampler.
pub(crate) fn photofinish(plan: &Plan) -> String {
    format!(
        r#"# In a checkout of photofinish:
#   docker build -f Dockerfile.photofinish -t {image} .
FROM rust:1.94-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package photofinish

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/photofinish /usr/local/bin/photofinish
USER {USER}:{USER}
ENTRYPOINT ["photofinish"]
"#,
        image = plan.images.photofinish,
    )
}

/// A word that a shell leaves as it is.
fn shell(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=,:+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
