//! The other processes: started, told where to run, measured, ended.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use super::process;

/// Where a process runs. The proxy that is measured has the first core; all that it talks to shares the second.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    First,
    Second,
}

/// One process. Ends with this value.
pub(crate) struct Child {
    process: std::process::Child,
    told: Vec<String>,
}

impl Child {
    /// Starts this program again as something else, and waits for its first line.
    pub(crate) fn start(name: &str, words: &[&str], core: Core) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        let mut process = on(core, program.to_str().expect("a path in UTF-8"))
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut line = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("its output"));
        lines.read_line(&mut line).expect("its first line");
        // Log lines go on coming, and somebody has to take them.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self {
            process,
            told: line.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The words of its first line.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("its threads");
        let spent = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        process::resident(self.process.id())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// This process, which makes the load, leaves the first core to the proxies.
pub(crate) fn pin_to_second_core() {
    if let Some(core) = number(Core::Second) {
        let done = Command::new("taskset")
            .args(["-cp", core, &std::process::id().to_string()])
            .stdout(Stdio::null())
            .status();
        assert!(done.is_ok_and(|status| status.success()), "taskset");
    }
}

/// The command to run a program on a core.
pub(crate) fn on(core: Core, program: &str) -> Command {
    let Some(core) = number(core) else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

/// Nothing is pinned on one core, or where there is no `taskset`.
fn number(core: Core) -> Option<&'static str> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let taskset = Command::new("taskset").arg("-V").stdout(Stdio::null()).status();
    if cores < 2 || taskset.is_err() {
        return None;
    }
    Some(match core {
        Core::First => "0",
        Core::Second => "1",
    })
}
