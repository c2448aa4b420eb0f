//! The systemd unit that runs the daemon, and what its sandbox forbids. A user who runs `check` in a shell is not in
//! that sandbox, so it has to be read from the unit.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The unit's name.
const NAME: &str = "anomalyd.service";
/// The folders that may hold the unit; the first that holds it wins.
const FOLDERS: [&str; 4] = ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
/// The configuration that the daemon reads when none is given.
const DEFAULT_CONFIG: &str = "/etc/anomalyd/config.toml";

/// The settings of a unit that decide what the daemon may do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    config: Option<PathBuf>,
    user: Option<User>,
    /// The name of the unit's user, when no such user exists.
    missing_user: Option<String>,
    /// Folders that the daemon may write to although all others are read-only.
    writable: Vec<PathBuf>,
    /// Folders that are mounted into the daemon's view of the file system.
    bound: Vec<PathBuf>,
    /// The writable folders that systemd makes and gives to the user.
    made: Vec<PathBuf>,
    restrictions: BTreeSet<Restriction>,
    may_bind_low_ports: bool,
    /// Credentials by their names, each with the file that it is loaded from.
    credentials: Vec<(String, PathBuf)>,
}

/// A restriction of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Restriction {
    /// All folders are read-only, except those that are named.
    ReadOnlySystem,
    /// Home folders are hidden.
    HiddenHome,
    /// Its temporary folders are its own.
    OwnTmp,
    /// The service has a user namespace of its own, and capabilities count only within it.
    OwnUsers,
}

/// The user that the daemon runs as.
#[derive(Debug, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gids: Vec<u32>,
}

/// What the daemon does with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// It reads the file or folder.
    Read,
    /// It writes to the folder, and makes it if it is missing.
    Write,
}

impl Unit {
    /// The unit that is installed below a root folder; `None` unless it runs the daemon with this configuration.
    pub(super) fn that_runs(config: &Path, root: &Path) -> Option<Self> {
        let folders = FOLDERS.map(|folder| root.join(folder));
        let mut texts = vec![folders.iter().find_map(|folder| fs::read_to_string(folder.join(NAME)).ok())?];
        for folder in &folders {
            let Ok(files) = fs::read_dir(folder.join(format!("{NAME}.d"))) else { continue };
            let mut files: Vec<_> = files.flatten().map(|file| file.path()).collect();
            files.retain(|file| file.extension().is_some_and(|ending| ending == "conf"));
            files.sort();
            texts.extend(files.iter().filter_map(|file| fs::read_to_string(file).ok()));
        }
        let unit = Self::parse(&texts.join("\n"), root);
        let configured = unit.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
        let same =
            |a: &Path, b: &Path| a == b || fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b));
        same(&configured, config).then_some(unit)
    }

    fn parse(text: &str, root: &Path) -> Self {
        let mut unit = Self::default();
        let mut is_service = false;
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            if line.starts_with('[') {
                is_service = line == "[Service]";
            }
            if is_service
                && !line.starts_with(['#', ';'])
                && let Some((key, value)) = line.split_once('=')
            {
                unit.set(key.trim(), value.trim(), root);
            }
        }
        unit
    }

    fn set(&mut self, key: &str, value: &str, root: &Path) {
        let is_on = matches!(value, "yes" | "true" | "on" | "1");
        let words = || value.split_whitespace();
        match key {
            "ExecStart" => {
                let mut words = words().skip_while(|word| *word != "--config");
                let joined = value.split_whitespace().find_map(|word| word.strip_prefix("--config="));
                self.config = words.nth(1).or(joined).map(PathBuf::from);
            }
            "User" => {
                self.user = User::find(value, root);
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                let is_missing = self.user.is_none() && !is_number && !has_users_elsewhere(root);
                self.missing_user = is_missing.then(|| value.to_owned());
            }
            "ProtectSystem" => self.restrict(Restriction::ReadOnlySystem, value == "strict"),
            "ProtectHome" => self.restrict(Restriction::HiddenHome, is_on || value == "tmpfs"),
            "PrivateTmp" => self.restrict(Restriction::OwnTmp, is_on || value == "disconnected"),
            "PrivateUsers" => {
                let is_off = value.is_empty() || matches!(value, "no" | "false" | "off" | "0");
                self.restrict(Restriction::OwnUsers, !is_off);
            }
            "AmbientCapabilities" => {
                self.may_bind_low_ports = words().any(|word| word.eq_ignore_ascii_case("CAP_NET_BIND_SERVICE"))
                    || (self.may_bind_low_ports && !value.is_empty());
            }
            "ReadWritePaths" if value.is_empty() => self.writable.clear(),
            "ReadWritePaths" => self.writable.extend(words().map(|word| word.trim_start_matches(['-', '+']).into())),
            "BindPaths" | "BindReadOnlyPaths" => {
                let targets = words().map(|word| word.trim_start_matches('-').split(':').nth(1).unwrap_or(word));
                let targets: Vec<PathBuf> = targets.map(PathBuf::from).collect();
                if key == "BindPaths" {
                    self.writable.extend(targets.clone());
                }
                self.bound.extend(targets);
            }
            "StateDirectory" => self.make("/var/lib", value),
            "CacheDirectory" => self.make("/var/cache", value),
            "LogsDirectory" => self.make("/var/log", value),
            "RuntimeDirectory" => self.make("/run", value),
            "ConfigurationDirectory" => self.made.extend(words().map(|word| Path::new("/etc").join(word))),
            "LoadCredential" | "LoadCredentialEncrypted" => {
                if let Some((name, file)) = value.split_once(':') {
                    self.credentials.push((name.to_owned(), file.into()));
                }
            }
            _ => {}
        }
    }

    fn restrict(&mut self, restriction: Restriction, is_on: bool) {
        if is_on {
            self.restrictions.insert(restriction);
        } else {
            self.restrictions.remove(&restriction);
        }
    }

    fn has(&self, restriction: Restriction) -> bool {
        self.restrictions.contains(&restriction)
    }

    fn make(&mut self, parent: &str, folders: &str) {
        let folders =
            folders.split_whitespace().map(|folder| Path::new(parent).join(folder.split(':').next().unwrap_or(folder)));
        self.made.extend(folders);
    }

    /// Whether systemd makes this folder for the service.
    pub(super) fn makes(&self, folder: &Path) -> bool {
        self.made.iter().any(|made| folder == made)
    }

    /// The name of the unit's user, when no such user exists.
    pub(super) fn missing_user(&self) -> Option<&str> {
        self.missing_user.as_deref()
    }

    /// Why the daemon cannot access an absolute path in this way, and what to do about it; `None` when it can.
    pub(super) fn keeps_from(&self, path: &Path, access: Access) -> Option<String> {
        let shown = path.display();
        let is_below = |folders: &[PathBuf]| folders.iter().any(|folder| path.starts_with(folder));
        let is_bound = is_below(&self.bound);
        if self.has(Restriction::HiddenHome)
            && !is_bound
            && ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home))
        {
            return Some(format!(
                "{shown} is hidden from the service by ProtectHome= of its unit; choose a folder outside of home folders, \
                 such as one below /var/lib/anomalyd"
            ));
        }
        if self.has(Restriction::OwnTmp) && !is_bound && ["/tmp", "/var/tmp"].iter().any(|tmp| path.starts_with(tmp)) {
            return Some(format!(
                "the service has a {shown} of its own, which nobody else sees and which goes when it stops (PrivateTmp= of \
                 its unit); choose another folder, such as one below /var/lib/anomalyd"
            ));
        }
        let is_made = is_below(&self.made);
        if access == Access::Write && self.has(Restriction::ReadOnlySystem) && !is_made && !is_below(&self.writable) {
            return Some(format!(
                "{shown} is read-only for the service (ProtectSystem=strict of its unit); `systemctl edit anomalyd` and give \
                 it ReadWritePaths={shown} under [Service]"
            ));
        }
        if is_made {
            return None;
        }
        let user = self.user.as_ref()?;
        let lacks = user.lacks(path, access)?;
        let what = match access {
            Access::Read => "read",
            Access::Write => "write to",
        };
        let name = &user.name;
        Some(format!(
            "the service runs as {name}, who may not {what} {shown} because of the owner and mode of {}; give it to {name} \
             by chown, or change its mode",
            lacks.display()
        ))
    }

    /// The first of these files and folders that the service's user may not write to, with the user's name. systemd
    /// gives the folders that it makes to the user, with their content, but only when the folder itself has another
    /// owner.
    pub(super) fn cannot_write_one_of<'p>(&self, paths: &'p [PathBuf]) -> Option<(&str, &'p Path)> {
        let user = self.user.as_ref()?;
        let refused =
            paths.iter().find(|path| user.lacks(path, Access::Write).is_some_and(|lacking| lacking == **path));
        refused.map(|path| (&*user.name, &**path))
    }

    /// Why the daemon cannot listen on a port, and what to do about it; `None` when it can.
    pub(super) fn keeps_from_port(&self, port: u16, first_free: u16) -> Option<String> {
        if port >= first_free || port == 0 || self.user.as_ref().is_none_or(|user| user.uid == 0) {
            return None;
        }
        let lacking = match (self.may_bind_low_ports, self.has(Restriction::OwnUsers)) {
            (true, false) => return None,
            (true, true) => "PrivateUsers= of its unit takes the worth from its capability",
            (false, _) => "its unit gives it no capability for that",
        };
        Some(format!(
            "the service may not listen on port {port}: {lacking}; choose a port above {}, or see \"Ports below 1024\" in \
             docs/operations.md",
            first_free.saturating_sub(1)
        ))
    }

    /// The source of a credential whose path systemd makes while the service runs; `Err` says why there is none.
    pub(super) fn credential(&self, path: &Path) -> Option<Result<PathBuf, String>> {
        let name = path.strip_prefix(Path::new("/run/credentials").join(NAME)).ok()?.to_str()?;
        let file = self.credentials.iter().rev().find(|(loaded, _)| loaded == name).map(|(_, file)| file.clone());
        Some(file.ok_or_else(|| {
            format!(
                "{} is there only if the unit loads it; `systemctl edit anomalyd` and give it \
                 LoadCredential={name}:/etc/anomalyd/{name} under [Service]",
                path.display()
            )
        }))
    }
}

/// Whether users may be known that are in no file, such as those of a directory service.
fn has_users_elsewhere(root: &Path) -> bool {
    let sources = fs::read_to_string(root.join("etc/nsswitch.conf")).unwrap_or_default();
    let sources = sources.lines().find_map(|line| line.trim().strip_prefix("passwd:"));
    let is_file = |source: &str| matches!(source, "files" | "compat" | "systemd") || source.starts_with('[');
    sources.is_some_and(|sources| !sources.split_whitespace().all(is_file))
}

impl User {
    fn find(name: &str, root: &Path) -> Option<Self> {
        let lines = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
        let passwd = lines("etc/passwd");
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let (uid, gid) = fields
            .filter_map(|fields| match &fields[..] {
                [found, _, uid, gid, ..] if *found == name || *uid == name => {
                    Some((uid.parse().ok()?, gid.parse().ok()?))
                }
                _ => None,
            })
            .next()?;
        let groups = lines("etc/group");
        let others = groups.lines().filter_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
            [_, _, gid, members] if members.split(',').any(|member| member == name) => gid.parse().ok(),
            _ => None,
        });
        Some(Self { name: name.to_owned(), uid, gids: std::iter::once(gid).chain(others).collect() })
    }

    /// The file or folder whose owner and mode deny the user this access; `None` when all allow it.
    fn lacks(&self, path: &Path, access: Access) -> Option<PathBuf> {
        // The permissions needed (read, write, execute): on the last existing part of the path, and on the folders
        // before it.
        let mut asked = match access {
            Access::Read if path.is_file() => 0o4,
            Access::Read => 0o5,
            Access::Write if path.is_file() => 0o2,
            Access::Write => 0o3,
        };
        for existing in path.ancestors().skip_while(|ancestor| !ancestor.exists()) {
            let metadata = fs::metadata(existing).ok()?;
            let granted = if self.uid == 0 {
                0o7
            } else if metadata.uid() == self.uid {
                metadata.mode() >> 6
            } else if self.gids.contains(&metadata.gid()) {
                metadata.mode() >> 3
            } else {
                metadata.mode()
            };
            if granted & asked != asked {
                return Some(existing.to_owned());
            }
            asked = 0o1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SHIPPED: &str = include_str!("../../../systemd/anomalyd.service");

    /// A root folder with the shipped unit, its user, and the settings that `systemctl edit` added.
    fn root(added: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(units.join("anomalyd.service.d")).unwrap();
        fs::write(units.join(NAME), SHIPPED).unwrap();
        fs::write(units.join("anomalyd.service.d/override.conf"), format!("[Service]\n{added}\n")).unwrap();
        fs::write(root.path().join("etc/passwd"), "root:x:0:0::/root:\nanomalyd:x:990:991::/:\n").unwrap();
        fs::write(root.path().join("etc/group"), "anomalyd:x:991:\nplant:x:1200:anna,anomalyd\n").unwrap();
        root
    }

    fn unit(added: &str) -> Unit {
        Unit::that_runs(Path::new(DEFAULT_CONFIG), root(added).path()).unwrap()
    }

    #[test]
    fn the_unit_counts_for_the_configuration_that_it_runs_alone() {
        let root = root("");
        assert!(Unit::that_runs(Path::new("/home/anna/trial.toml"), root.path()).is_none());
        assert!(Unit::that_runs(Path::new(DEFAULT_CONFIG), &root.path().join("nothing")).is_none());
        let user = Unit::that_runs(Path::new(DEFAULT_CONFIG), root.path()).unwrap().user.unwrap();
        assert_eq!((user.uid, user.gids), (990, vec![991, 1200]));
    }

    #[test]
    fn what_the_shipped_configuration_names_is_open_to_the_shipped_unit() {
        let unit = unit("");
        for folder in ["/var/lib/anomalyd/store", "/var/lib/anomalyd/predictions", "/run/anomalyd"] {
            assert_eq!(unit.keeps_from(Path::new(folder), Access::Write), None, "{folder}");
        }
        assert_eq!(unit.keeps_from(Path::new("/var/lib/anomalyd/models"), Access::Read), None);
        assert!(unit.makes(Path::new("/run/anomalyd")) && !unit.makes(Path::new("/run")));
        assert_eq!(unit.keeps_from_port(1883, 1024), None);
    }

    /// Of several lines, a later one changes what those before it said. The groups are systemd's (systemd.exec(5)).
    #[test]
    fn the_shipped_unit_lets_threads_yield_to_each_other() {
        let lines: Vec<&str> = SHIPPED.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
        let last =
            |named: &[&str]| lines.iter().rposition(|line| line.split([' ', '~']).any(|call| named.contains(&call)));
        let (allowed, forbidden) = (last(&["setpriority"]), last(&["@resources"]));
        assert!(forbidden.is_some() && allowed > forbidden, "{lines:?}");
        assert!(allowed.is_some_and(|line| !lines[line].starts_with('~')), "{lines:?}");
    }

    #[test]
    fn what_the_sandbox_keeps_from_the_service_is_named_with_the_way_out() {
        let unit = unit("");
        let kept = |path: &str| unit.keeps_from(Path::new(path), Access::Write).unwrap();
        assert!(kept("/srv/anomalyd").contains("ReadWritePaths=/srv/anomalyd"), "{}", kept("/srv/anomalyd"));
        assert!(kept("/home/anna/store").contains("ProtectHome="), "{}", kept("/home/anna/store"));
        assert!(kept("/tmp/store").contains("PrivateTmp="), "{}", kept("/tmp/store"));
        assert!(unit.keeps_from(Path::new("/home/anna/models"), Access::Read).is_some());
    }

    #[test]
    fn a_path_that_was_admitted_still_has_to_belong_to_the_user() {
        let root = root("");
        let folder = root.path().join("srv");
        fs::create_dir(&folder).unwrap();
        // Without this line, a folder in the system's temporary one would be reported for PrivateTmp= first.
        let added = format!("PrivateTmp=no\nReadWritePaths={}", folder.display());
        let mut unit = unit(&added);
        let kept = unit.keeps_from(&folder.join("store"), Access::Write).unwrap();
        assert!(kept.contains("runs as anomalyd"), "{kept}");
        let owner = fs::metadata(&folder).unwrap();
        unit.user = Some(User { name: "anomalyd".to_owned(), uid: owner.uid(), gids: vec![owner.gid()] });
        assert_eq!(unit.keeps_from(&folder.join("store"), Access::Write), None);
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        unit.user = Some(User { name: "anomalyd".to_owned(), uid: 990, gids: vec![991] });
        assert_eq!(unit.keeps_from(&folder, Access::Read), None, "others may read it");
        let kept = unit.keeps_from(&folder.join("store"), Access::Write).unwrap();
        assert!(kept.contains(&format!("mode of {}", folder.display())), "{kept}");
    }

    #[test]
    fn a_file_of_another_owner_in_the_store_is_found() {
        let root = root("");
        let (folder, file) = (root.path().join("store"), root.path().join("store/lock"));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let paths = [folder, file.clone()];
        assert_eq!(unit("").cannot_write_one_of(&paths), Some(("anomalyd", &*file)));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(unit("").cannot_write_one_of(&paths), None);
    }

    #[test]
    fn a_port_of_the_privileged_takes_a_capability_that_counts() {
        assert!(unit("").keeps_from_port(883, 1024).unwrap().contains("no capability"));
        let half = unit("AmbientCapabilities=CAP_NET_BIND_SERVICE");
        assert!(half.keeps_from_port(883, 1024).unwrap().contains("PrivateUsers="));
        let whole = unit("AmbientCapabilities=CAP_NET_BIND_SERVICE\nPrivateUsers=no");
        assert_eq!(whole.keeps_from_port(883, 1024), None);
        assert_eq!(unit("").keeps_from_port(883, 883), None);
    }

    #[test]
    fn a_credential_is_looked_for_where_the_unit_loads_it_from() {
        let path = Path::new("/run/credentials/anomalyd.service/mqtt.password");
        let missing = unit("").credential(path).unwrap().unwrap_err();
        assert!(missing.contains("LoadCredential=mqtt.password:"), "{missing}");
        let loaded = unit("LoadCredential=mqtt.password:/etc/anomalyd/secret").credential(path).unwrap();
        assert_eq!(loaded, Ok(PathBuf::from("/etc/anomalyd/secret")));
        assert_eq!(unit("").credential(Path::new("/etc/anomalyd/secret")), None);
    }

    #[test]
    fn a_user_that_was_never_made_is_missing() {
        assert_eq!(unit("").missing_user(), None);
        assert_eq!(unit("User=nobody-made").missing_user(), Some("nobody-made"));
        assert_eq!(unit("User=1234").missing_user(), None, "a number needs no name");
    }

    #[test]
    fn a_user_that_another_source_may_know_is_not_missing() {
        let root = root("User=nobody-made");
        let unit = || Unit::that_runs(Path::new(DEFAULT_CONFIG), root.path()).unwrap();
        fs::write(root.path().join("etc/nsswitch.conf"), "passwd:         files systemd\ngroup: files sss\n").unwrap();
        assert!(unit().missing_user().is_some());
        fs::write(root.path().join("etc/nsswitch.conf"), "passwd: files sss\n").unwrap();
        assert_eq!(unit().missing_user(), None);
    }
}
