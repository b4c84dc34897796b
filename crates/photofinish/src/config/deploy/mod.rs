//! The table `[deploy]`: what a cluster has to know besides what the other tables say.
//!
//! Here are the keys; `plan` puts them together with `[service]`, `[proxy]`, `[jobs]`, `[run]` and `[store]`, which mean
//! on a cluster what they mean on one machine. `window` turns hours of the mirror into KEDA's.

mod plan;
mod queue;
mod window;

use super::Bytes;
use super::word::{OneOrMany, Word, Worded};
use photofinish_deploy::{Destination, Reach, Split, Target};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is written for a cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeployConfig {
    /// What passes traffic on.
    pub(crate) target: Option<Worded<Target>>,
    /// Of all objects; the name of the service.
    pub(crate) namespace: Option<String>,
    /// Of the normal build.
    pub(crate) image: Option<String>,
    /// Of the race build; the one of the normal build with `-race` behind its name.
    pub(crate) race_image: Option<String>,
    /// Of the race-built worker; that of the race build.
    pub(crate) worker_image: Option<String>,
    /// Of photofinish; beside that of the normal build.
    pub(crate) photofinish_image: Option<String>,
    /// The Go version of the Dockerfile.
    pub(crate) go: Option<String>,
    /// Where the service listens in its pod.
    pub(crate) port: Option<u16>,
    /// Instead of the service's.
    pub(crate) args: Option<Vec<String>>,
    /// Over the service's.
    pub(crate) env: BTreeMap<String, String>,
    /// Secrets that the service gets as environment.
    pub(crate) secrets: Vec<String>,
    /// How many pods of the normal build there are.
    pub(crate) replicas: Option<u32>,
    /// What each of them requests.
    pub(crate) cpu: Option<Worded<Cpu>>,
    /// The same.
    pub(crate) memory: Option<Bytes>,
    /// How many times as much a race build takes, if it was measured.
    pub(crate) cpu_ratio: Option<f64>,
    /// The same.
    pub(crate) memory_ratio: Option<f64>,
    /// How the canary gets its share.
    pub(crate) split: Option<Worded<Split>>,
    /// How many pods of the canary there are.
    pub(crate) race_replicas: Option<u32>,
    /// The Gateway that the traffic comes through.
    pub(crate) gateway: Option<String>,
    /// Its host names.
    pub(crate) hosts: Option<OneOrMany<String>>,
    /// Where the service shows figures of its own.
    pub(crate) metrics: Option<String>,
    /// Whom the mirror may reach.
    pub(crate) mirror_egress: Vec<Worded<Reach>>,
    /// Secrets that the mirror gets as environment.
    pub(crate) mirror_secrets: Vec<String>,
}

/// Processor time, in thousandths of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cpu(pub(crate) u64);

impl Word for Cpu {
    const WHAT: &'static str = "processors like 500m or 2";

    fn read(word: &str) -> Result<Self, String> {
        let refused =
            || format!("`{word}` is no number of processors; write it like 500m, 0.5 or 2");
        let (number, scale) = match word.trim().strip_suffix('m') {
            Some(number) => (number, 1.0),
            None => (word.trim(), 1000.0),
        };
        let millis = number.parse::<f64>().map_err(|_| refused())? * scale;
        if (1.0..=1e6).contains(&millis) { Ok(Cpu(millis.round() as u64)) } else { Err(refused()) }
    }
}

impl Word for Target {
    const WHAT: &'static str = "gateway-api, istio or nginx-ingress";

    fn read(word: &str) -> Result<Self, String> {
        match word {
            "gateway-api" => Ok(Target::GatewayApi),
            "istio" => Ok(Target::Istio),
            "nginx-ingress" => Ok(Target::NginxIngress),
            _ => Err(format!("`{word}` is no target; there are {}", Self::WHAT)),
        }
    }
}

impl Word for Split {
    const WHAT: &'static str = "weights or replicas";

    fn read(word: &str) -> Result<Self, String> {
        match word {
            "weights" => Ok(Split::Weights),
            "replicas" => Ok(Split::Replicas),
            _ => Err(format!("`{word}` is no way to split traffic; there are {}", Self::WHAT)),
        }
    }
}

impl Word for Reach {
    const WHAT: &'static str = "somebody to reach, like 10.0.4.0/24:5432 or app=orders-shadow:8080";

    fn read(word: &str) -> Result<Self, String> {
        let refused = || {
            format!("`{word}` is nobody to reach; write 10.0.4.0/24:5432 or app=orders-shadow:8080")
        };
        let (who, port) = word.rsplit_once(':').ok_or_else(refused)?;
        let port: u16 = port.parse().map_err(|_| refused())?;
        if let Some(app) = who.strip_prefix("app=") {
            return if app.is_empty() {
                Err(refused())
            } else {
                Ok(Reach { destination: Destination::App(app.to_owned()), port })
            };
        }
        let (address, bits) = who.split_once('/').unwrap_or((who, ""));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = if bits.is_empty() { most } else { bits.parse().map_err(|_| refused())? };
        if bits > most {
            return Err(refused());
        }
        Ok(Reach { destination: Destination::Cidr(format!("{address}/{bits}")), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_processors_and_destinations_with_units() {
        assert_eq!(Cpu::read("500m"), Ok(Cpu(500)));
        assert_eq!(Cpu::read("1.5"), Ok(Cpu(1500)));
        assert!(Cpu::read("fast").unwrap_err().contains("500m"));
        let reach = |word| Reach::read(word).map(|reach| (reach.destination, reach.port));
        assert_eq!(reach("10.0.4.7:5432"), Ok((Destination::Cidr("10.0.4.7/32".to_owned()), 5432)));
        assert_eq!(reach("fd00::/8:53"), Ok((Destination::Cidr("fd00::/8".to_owned()), 53)));
        assert_eq!(reach("app=db:5432"), Ok((Destination::App("db".to_owned()), 5432)));
        assert!(reach("db.internal:5432").unwrap_err().contains("10.0.4.0/24:5432"));
        assert!(reach("10.0.4.0/99:1").is_err());
    }
}
