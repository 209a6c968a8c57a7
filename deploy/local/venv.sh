# shellcheck shell=bash
# Sourced by the commands of this repository: makes .venv as the lock file says, and leaves its Python in $python.
# Needs $repository, an absolute path. Does nothing, in milliseconds, as long as neither the lock file nor pyproject.toml has changed.

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed and none was found as python3, python3.13, python3.12 or python3.11." >&2
    return 1
}

# Debian ships Python without what makes virtual environments; root, or who may become root, can have it at once.
install_venv_module() {
    local system_python=$1
    if "$system_python" -c 'import ensurepip' 2>/dev/null; then return; fi
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n) # nobody is there to type a password
    fi
    echo "Installing python3-venv, without which there is no virtual environment"
    if ! "${as_root[@]}" apt-get update -q >&2 ||
        ! "${as_root[@]}" apt-get install -y --no-install-recommends python3-venv >&2; then
        echo "This Python cannot make virtual environments. Install what it lacks: apt-get install python3-venv" >&2
        return 1
    fi
}

make_venv() {
    # shellcheck disable=SC2154 # $repository is the sourcing command's
    local stamp=$repository/.venv/syncd-stamp wanted
    wanted=$(cat "$repository/requirements-dev.lock" "$repository/pyproject.toml" | sha256sum)
    python=$repository/.venv/bin/python
    if [ -x "$repository/.venv/bin/syncd" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
    if [ ! -x "$python" ]; then
        local system_python
        system_python=$(find_python)
        install_venv_module "$system_python"
        echo "Making .venv with $("$system_python" --version)"
        "$system_python" -m venv "$repository/.venv"
    fi
    echo "Installing the locked packages and syncd into .venv"
    "$python" -m pip install -q --disable-pip-version-check --require-hashes -r "$repository/requirements-dev.lock"
    "$python" -m pip install -q --disable-pip-version-check --no-deps -e "$repository"
    echo "$wanted" >"$stamp"
}

make_venv_alone() {
    mkdir -p "$repository/.cache"
    exec 9>"$repository/.cache/venv.lock"
    flock 9
    make_venv
    exec 9>&-
}

make_venv_alone
