//! Which commands are to be built, and what they are made of: `go list`, read.

use super::flags::UserFlags;
use super::go::Go;
use super::{BuildError, Plan, Variant};
use serde::Deserialize;
use std::path::PathBuf;

/// The fields of `go list -json` that are of use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Package {
    pub(super) import_path: String,
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) target: PathBuf,
    pub(super) standard: bool,
    pub(super) module: Option<Module>,
    pub(super) go_files: Vec<String>,
    pub(super) cgo_files: Vec<String>,
    pub(super) imports: Vec<String>,
    pub(super) export: PathBuf,
    error: Option<ListError>,
    deps_errors: Vec<ListError>,
}

/// The module a package belongs to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Module {
    pub(super) path: String,
    pub(super) version: String,
    pub(super) main: bool,
    pub(super) replace: Option<Box<Module>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ListError {
    err: String,
}

/// A command to build.
#[derive(Clone, Debug)]
pub(super) struct Main {
    pub(super) import_path: String,
    /// What `go build` calls its binary.
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) module: Option<Module>,
}

impl Package {
    /// Whether the code is the user's: of a main module (a workspace has several), of a module
    /// replaced by a folder, or of none.
    pub(super) fn is_own(&self) -> bool {
        !self.standard
            && self.module.as_ref().is_none_or(|module| {
                let local = |replace: &Module| replace.path.starts_with(['.', '/']);
                module.main || module.replace.as_deref().is_some_and(local)
            })
    }
}

/// The arguments that name the packages.
pub(super) fn named(plan: &Plan) -> Vec<String> {
    if plan.packages.is_empty() { vec![".".to_owned()] } else { plan.packages.clone() }
}

/// Finds the commands that the plan names; patterns may match other packages too.
pub(super) fn mains(go: &Go, flags: &UserFlags, plan: &Plan) -> Result<Vec<Main>, BuildError> {
    const FIELDS: &str = "-json=ImportPath,Name,Dir,Target,Module,GoFiles,Error,DepsErrors";
    let named = named(plan);
    let variant =
        if plan.variants == super::Variants::Normal { Variant::Normal } else { Variant::Race };
    let args = ["list".to_owned(), "-e".into(), "-deps=false".into(), FIELDS.into()];
    let args = [args.to_vec(), flags.args(variant, &[]), vec!["--".into()], named.clone()].concat();
    let mut mains = Vec::new();
    let exact = !named.iter().any(|name| name.contains("..."));
    for package in list(go, &args)? {
        let failed = package.error.iter().chain(&package.deps_errors).next();
        if let Some(error) = failed {
            let (package, reason) = (package.import_path, error.err.replace('\n', " "));
            return Err(BuildError::Package { package, reason });
        }
        if package.name == "main" {
            mains.push(Main::of(package));
        } else if exact {
            let mains = known(go, flags, variant);
            return Err(BuildError::NotMain {
                package: package.import_path,
                name: package.name,
                mains,
            });
        }
    }
    if mains.is_empty() {
        let mains = known(go, flags, variant);
        return Err(BuildError::NoMains { packages: named.join(" "), mains });
    }
    Ok(mains)
}

/// Everything the commands are made of, dependencies first. `more` are further flags of `go list`.
pub(super) fn deps(go: &Go, args: Vec<String>, plan: &Plan) -> Result<Vec<Package>, BuildError> {
    let head = vec!["list".to_owned(), "-deps".into()];
    list(go, &[head, args, vec!["--".into()], named(plan)].concat())
}

/// The import paths that `pattern` matches; empty if it matches none.
pub(super) fn matching(
    go: &Go,
    flags: &UserFlags,
    pattern: &str,
) -> Result<Vec<String>, BuildError> {
    let head = ["list", "-e", "-f", "{{.ImportPath}}"].map(str::to_owned).to_vec();
    let args = [head, flags.args(Variant::Race, &[]), vec!["--".into(), pattern.into()]].concat();
    let mut stderr = Vec::new();
    let ended = go.run(&args, &mut |line| stderr.push(line))?;
    if !ended.status.success() {
        let reason = super::go::told(&stderr, ended.status);
        return Err(BuildError::Go { command: format!("list {pattern}"), reason });
    }
    Ok(String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect())
}

fn list(go: &Go, args: &[String]) -> Result<Vec<Package>, BuildError> {
    let json = go.read(args)?;
    serde_json::Deserializer::from_slice(&json)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|cause| BuildError::Parse { command: "list -json".into(), cause })
}

/// The commands of the module that `go` stands in, as it would take them; none if that fails.
fn known(go: &Go, flags: &UserFlags, variant: Variant) -> Vec<String> {
    const EACH: &str = "{{if eq .Name \"main\"}}{{.Dir}}{{end}}";
    let head = ["list", "-e", "-f", EACH].map(str::to_owned).to_vec();
    let args = [head, flags.args(variant, &[]), vec!["./...".into()]].concat();
    let dirs = go.read(&args).unwrap_or_default();
    let dirs = String::from_utf8_lossy(&dirs).into_owned();
    let here = go.dir.canonicalize().unwrap_or_else(|_| go.dir.clone());
    let relative = |dir: &str| match std::path::Path::new(dir).strip_prefix(&here) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => format!("./{}", below.display()),
        Err(_) => dir.to_owned(),
    };
    dirs.lines().filter(|dir| !dir.is_empty()).map(relative).collect()
}

impl Main {
    fn of(package: Package) -> Main {
        let name = package.target.file_stem_of_command().unwrap_or_else(|| {
            if package.import_path == "command-line-arguments" {
                let file = package.go_files.first().map(String::as_str).unwrap_or("main.go");
                return file.trim_end_matches(".go").to_owned();
            }
            last_element(&package.import_path)
        });
        Main { import_path: package.import_path, name, dir: package.dir, module: package.module }
    }
}

trait CommandName {
    fn file_stem_of_command(&self) -> Option<String>;
}

impl CommandName for PathBuf {
    /// The name in `go list`'s Target, which is where `go install` would put the command.
    fn file_stem_of_command(&self) -> Option<String> {
        let name = self.file_name()?.to_str()?;
        Some(name.strip_suffix(".exe").unwrap_or(name).to_owned())
    }
}

/// The last element of an import path, or the one before it if that is a version
/// (`load.DefaultExecName` of cmd/go).
fn last_element(import_path: &str) -> String {
    let mut elements = import_path.rsplit('/');
    let last = elements.next().unwrap_or(import_path);
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|n| !n.is_empty() && n != "1" && n.bytes().all(|b| b.is_ascii_digit()));
    let name = if is_version { elements.next().unwrap_or(last) } else { last };
    name.to_owned()
}
