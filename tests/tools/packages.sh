# Installs what a step needs and the machine lacks. Sourced by tests/run, which sets `root`.
# shellcheck shell=bash
: "${root:?is set by tests/run}"

# Nothing is installed beside the system's own packages except below .tools/, which git ignores.
tools=$root/.tools
export PATH=$tools/cargo/bin:$PATH

# need_command COMMAND DEBIAN-PACKAGE...
need_command() {
  local command=$1
  shift
  if ! command -v "$command" >/dev/null; then
    install_packages "$@"
  fi
}

# `nc` exists in three flavours on Debian; only OpenBSD's has the -N that the tests use.
need_netcat() {
  if ! nc -h 2>&1 | grep -q OpenBSD; then
    install_packages netcat-openbsd
  fi
}

need_python_venv() {
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages python3 python3-venv
  fi
}

# Node 20 or later, which Debian 12 does not have: there, npm brings the program itself.
need_node() {
  local package
  package=node-linux-$(node_architecture)
  need_command npm nodejs npm
  if ! node_is_recent; then
    PATH=$tools/node/node_modules/$package/bin:$PATH
  fi
  if ! node_is_recent; then
    npm install --no-audit --no-fund --no-save --prefix "$tools/node" "$package@22"
  fi
}

node_is_recent() {
  local version
  version=$(node --version 2>/dev/null) && version=${version#v} && ((${version%%.*} >= 20))
}

node_architecture() {
  case $(uname -m) in
    aarch64) echo arm64 ;;
    *) echo x64 ;;
  esac
}

# need_component COMMAND [COMPONENT]: what a minimal installation of the toolchain lacks.
need_component() {
  if ! cargo "$1" --version >/dev/null 2>&1; then
    rustup component add "${2-$1}"
  fi
}

# need_cargo_tool NAME: a cargo subcommand, compiled once.
need_cargo_tool() {
  if ! cargo "$1" --version >/dev/null 2>&1; then
    # The repository's own toolchain and flags are not meant for it. Unoptimised, since it runs for
    # seconds and is compiled for minutes.
    (cd / && cargo install "cargo-$1" --locked --debug --root "$tools/cargo")
  fi
}

install_packages() {
  echo "installing $*"
  if ! command -v apt-get >/dev/null; then
    echo "tests/run: no apt-get here; install what corresponds to Debian's: $*" >&2
    return 1
  fi
  local as_root=()
  if ((EUID != 0)); then
    # -n: fails instead of asking for a password, since nobody may be there to type one.
    as_root=(sudo -n)
  fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@"
}
