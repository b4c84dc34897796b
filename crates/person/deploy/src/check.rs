//! What makes no sense in a plan, with the key of the file that says it and what to say instead.

use crate::plan::{Plan, PlanError, Split, Target};

impl Plan {
    /// # Errors
    /// What would be refused by the cluster, or do something else than was asked.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let label_hint = "a name in a cluster has small letters, digits and -, begins with a letter, and is no longer than 40";
        for (key, name) in [("service.name", &self.service), ("deploy.namespace", &self.namespace)]
        {
            if !is_label(name) {
                return Err(PlanError::new(
                    key,
                    format!("is `{name}`, no name for a cluster"),
                    label_hint,
                ));
            }
        }
        let images = [
            ("deploy.image", &self.images.stable),
            ("deploy.race_image", &self.images.race),
            ("deploy.worker_image", &self.images.worker),
            ("deploy.photofinish_image", &self.images.photofinish),
        ];
        for (key, image) in images {
            check_image(key, image)?;
        }
        for (key, number) in [
            ("deploy.replicas", self.stable.replicas),
            ("deploy.race_replicas", self.canary.replicas),
        ] {
            if number == 0 {
                return Err(PlanError::new(key, "is 0", "say how many pods there are"));
            }
        }
        for (key, ratio) in
            [("deploy.cpu_ratio", self.cpu_ratio), ("deploy.memory_ratio", self.memory_ratio)]
        {
            if ratio.is_some_and(|ratio| !(1.0..=1000.0).contains(&ratio)) {
                return Err(PlanError::new(
                    key,
                    "is no number from 1 to 1000",
                    "how many times as much a race build takes",
                ));
            }
        }
        if self.gateway.is_none() && self.target != Target::NginxIngress {
            return Err(PlanError::new(
                "deploy.gateway",
                "is missing",
                "name the gateway that the traffic comes through: gateway = \"NAMESPACE/NAME\"",
            ));
        }
        self.check_split()
    }

    /// A share by replicas must not be larger than what was asked for.
    fn check_split(&self) -> Result<(), PlanError> {
        if self.canary.split == Split::Weights {
            return Ok(());
        }
        let (race, all, share) = self.replica_share();
        if share > self.canary.share.fraction() {
            let asked = self.canary.share;
            let enough = (f64::from(race) / asked.fraction()).ceil() as u32 - race;
            return Err(PlanError::new(
                "deploy.split",
                format!(
                    "is \"replicas\", and {race} of {all} pods get {:.1} % of the requests, more than {asked}",
                    share * 100.0
                ),
                format!(
                    "split = \"weights\" has any share; by replicas {asked} takes {enough} normal pods beside {race}"
                ),
            ));
        }
        Ok(())
    }
}

/// A name that is a label of RFC 1123, with room for what is put behind it.
pub(crate) fn is_label(name: &str) -> bool {
    let is_inside =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=40).contains(&name.len())
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(is_inside)
}

/// An image has to say which one it is, tomorrow too.
fn check_image(key: &str, image: &str) -> Result<(), PlanError> {
    let hint = "name a version or a digest: \"registry.internal/payments:1.4.2\"";
    let name = image.rsplit('/').next().unwrap_or(image);
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if image.is_empty() || image.contains(is_odd) {
        return Err(PlanError::new(key, format!("is `{image}`, no image"), hint));
    }
    match name
        .split_once('@')
        .map_or_else(|| name.split_once(':'), |(_, digest)| Some((name, digest)))
    {
        None => Err(PlanError::new(key, format!("is `{image}`, without a version"), hint)),
        Some((_, "latest")) => Err(PlanError::new(
            key,
            format!("is `{image}`; which one that is changes under way"),
            hint,
        )),
        Some(_) => Ok(()),
    }
}
