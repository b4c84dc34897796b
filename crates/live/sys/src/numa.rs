//! Which memory node a processor belongs to: `/sys/devices/system/node` (sysfs ABI, `node*/cpulist`).

use std::fs;
use std::path::Path;

/// The machine's memory nodes, each with its processors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumaNodes {
    /// Node, first and last processor of a run.
    runs: Vec<(u32, u32, u32)>,
}

impl NumaNodes {
    /// This machine's nodes; none where the kernel does not tell.
    pub fn read() -> NumaNodes {
        NumaNodes::read_from(Path::new("/sys/devices/system/node"))
    }

    /// Nodes of single processors: node, then processor.
    pub fn of(processors: Vec<(u32, u32)>) -> NumaNodes {
        NumaNodes { runs: processors.into_iter().map(|(node, cpu)| (node, cpu, cpu)).collect() }
    }

    /// The nodes described below `folder`, which looks like `/sys/devices/system/node`.
    pub fn read_from(folder: &Path) -> NumaNodes {
        let mut runs = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let node = name.to_str().and_then(|name| name.strip_prefix("node")?.parse().ok());
            if let Some(node) = node {
                let list = fs::read_to_string(entry.path().join("cpulist")).unwrap_or_default();
                runs.extend(cpu_list(&list).map(|(first, last)| (node, first, last)));
            }
        }
        runs.sort_unstable();
        NumaNodes { runs }
    }

    /// The node of processor `cpu`.
    pub fn node_of(&self, cpu: u32) -> Option<u32> {
        let has = |&&(_, first, last): &&(u32, u32, u32)| (first..=last).contains(&cpu);
        self.runs.iter().find(has).map(|(node, ..)| *node)
    }
}

/// `0-3,8,10-11`.
fn cpu_list(text: &str) -> impl Iterator<Item = (u32, u32)> {
    text.trim().split(',').filter_map(|run| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        Some((first.parse().ok()?, last.parse().ok()?))
    })
}
