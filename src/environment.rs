//! What a provider reads from its process and its machine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The variables of the process and what the system says about the machine, or a test's values.
#[derive(Clone, Default)]
pub(crate) enum Environment {
    #[default]
    Process,
    #[cfg_attr(not(feature = "test-util"), allow(dead_code))]
    Fixed(Arc<Fixed>),
}

/// A test's environment.
#[derive(Clone)]
pub(crate) struct Fixed {
    variables: HashMap<String, String>,
    product_name: Option<String>,
    machine: Option<String>,
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            variables: HashMap::new(),
            product_name: Some("a test's machine".to_owned()),
            machine: None,
        }
    }
}

/// The time since the boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BootClock {
    /// Identifies the machine and its boot. Only uptimes of the same boot can be compared.
    pub(crate) boot: String,
    pub(crate) uptime: Duration,
}

impl Environment {
    /// A variable. An empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match self {
            Environment::Process => std::env::var(name).ok(),
            Environment::Fixed(fixed) => fixed.variables.get(name).cloned(),
        }
        .filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to what is not Unicode.
    pub(crate) fn is_not_unicode(&self, name: &str) -> bool {
        match self {
            Environment::Process => std::env::var_os(name).is_some_and(|it| it.to_str().is_none()),
            Environment::Fixed(_) => false,
        }
    }

    /// All variables that are not empty, and are Unicode.
    pub(crate) fn variables(&self) -> HashMap<String, String> {
        let mut all: HashMap<_, _> = match self {
            Environment::Process => std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            Environment::Fixed(fixed) => fixed.variables.clone(),
        };
        all.retain(|_, value| !value.is_empty());
        all
    }

    /// A variable that names a file or a directory, in any encoding.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Environment::Process => std::env::var_os(name).map(PathBuf::from),
            Environment::Fixed(fixed) => fixed.variables.get(name).map(PathBuf::from),
        }
        .filter(|path| !path.as_os_str().is_empty())
    }

    /// Whether a proxy is reached by https.
    pub(crate) fn has_https_proxy(&self) -> bool {
        const VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let is_https = |proxy: String| proxy.to_ascii_lowercase().starts_with("https:");
        VARIABLES
            .iter()
            .any(|name| self.get(name).is_some_and(is_https))
    }

    /// The user's home directory: `HOME`, or the system's answer where a service has no `HOME`.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        match self {
            Environment::Process => {
                std::env::home_dir().filter(|path| !path.as_os_str().is_empty())
            }
            Environment::Fixed(_) => self.path("HOME"),
        }
    }

    /// The host's name, according to the system.
    pub(crate) fn host_name(&self) -> Option<String> {
        match self {
            Environment::Process => word("/proc/sys/kernel/hostname"),
            Environment::Fixed(_) => None,
        }
    }

    /// This machine in its present boot, among all machines: the id that the kernel draws when it
    /// starts, and the host's name, which tells containers apart. `None` where the system has no
    /// such id.
    pub(crate) fn machine(&self) -> Option<String> {
        match self {
            Environment::Process => {
                let boot = word("/proc/sys/kernel/random/boot_id")?;
                Some(format!("{boot} {}", self.host_name()?))
            }
            Environment::Fixed(fixed) => fixed.machine.clone(),
        }
    }

    /// The clock that runs from the boot of this machine on, suspended or not, and that nobody
    /// sets. `monotonic` stands in for it in a test.
    pub(crate) fn boot_clock(&self, monotonic: Duration) -> Option<BootClock> {
        match self {
            Environment::Process => {
                let boot = word("/proc/sys/kernel/random/boot_id")?;
                // A container can have an uptime of its own (a time namespace, lxcfs) and yet the
                // boot id of its host. So only processes of the same namespaces compare uptimes.
                let namespace = |name| {
                    let link = std::fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
                    Some(link.to_string_lossy().into_owned())
                };
                let (time, pid) = (namespace("time"), namespace("pid")?);
                let uptime = word("/proc/uptime")?;
                let seconds = uptime.split(' ').next()?.parse().ok()?;
                Some(BootClock {
                    boot: format!("{boot} {} {pid}", time.unwrap_or_default()),
                    uptime: Duration::try_from_secs_f64(seconds).ok()?,
                })
            }
            Environment::Fixed(fixed) => Some(BootClock {
                boot: fixed.machine.clone()?,
                uptime: monotonic,
            }),
        }
    }

    /// The machine's product name in the firmware, where the system exposes it.
    pub(crate) fn product_name(&self) -> Option<String> {
        match self {
            Environment::Process => word("/sys/class/dmi/id/product_name"),
            Environment::Fixed(fixed) => fixed.product_name.clone(),
        }
    }
}

#[cfg(feature = "test-util")]
impl Environment {
    pub(crate) fn set_variables(&mut self, variables: HashMap<String, String>) {
        self.fixed().variables = variables;
    }

    pub(crate) fn set_product_name(&mut self, name: Option<String>) {
        self.fixed().product_name = name;
    }

    pub(crate) fn set_machine(&mut self, machine: Option<String>) {
        self.fixed().machine = machine;
    }

    fn fixed(&mut self) -> &mut Fixed {
        if matches!(self, Environment::Process) {
            *self = Environment::Fixed(Arc::default());
        }
        match self {
            Environment::Fixed(fixed) => Arc::make_mut(fixed),
            Environment::Process => unreachable!("replaced above"),
        }
    }
}

/// The text of a file of the kernel, if it exists and is not empty.
fn word(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
