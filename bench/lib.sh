# Shared by demo/run.sh and bench/run.sh: what a bare machine needs, the extension's build, a Python environment.
# shellcheck shell=bash

say() { printf '== %s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# PostgreSQL of this machine, or Debian 12's where none is there yet.
pg_major() {
  local newest
  newest=$(find /usr/lib/postgresql -path '*/bin/pg_config' 2>/dev/null | sort -V | tail -n 1)
  [[ -n $newest ]] && basename "$(dirname "$(dirname "$newest")")" || echo 15
}

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

# Debian's postgresql package starts a server of its own on installation. A private one is all we want, so the
# drop-in that prevents it lives only as long as the installation.
install_packages() {
  local missing dropin=/etc/postgresql-common/createcluster.d/vector_quant.conf status=0
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || die "These packages are missing; install them, or run as root: ${missing[*]}"
  say "installing ${missing[*]}"
  apt_quiet update
  if [[ " ${missing[*]} " == *" postgresql-"* && ! -e /usr/share/perl5/PgCommon.pm ]]; then
    apt_quiet install postgresql-common
    mkdir -p "${dropin%/*}"
    echo 'create_main_cluster = off' > "$dropin"
  fi
  apt_quiet install "${missing[@]}" || status=$?
  rm -f "$dropin"
  return "$status"
}

apt_quiet() {
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends "$@" > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# The newest PostgreSQL's pg_config, unless PG_CONFIG names one.
find_postgres() {
  local major
  major=$(pg_major)
  install_packages "postgresql-$major" "postgresql-server-dev-$major" g++ make libxsimd-dev python3 python3-venv
  export PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$major/bin/pg_config}
}

build_extension() { # ROOT MAKE-ARGUMENTS...
  local root=$1 log=$1/build/make.log
  shift
  mkdir -p "$root/build"
  say "building the extension ($("$PG_CONFIG" --version))"
  make -C "$root" -j2 PG_CONFIG="$PG_CONFIG" "$@" > "$log" 2>&1 || { tail -n 30 "$log" >&2; die "build failed: $log"; }
  make -C "$root" install PG_CONFIG="$PG_CONFIG" >> "$log" 2>&1 || { tail -n 10 "$log" >&2; die "install failed: $log"; }
}

# python_env FOLDER REQUIREMENTS...: a virtual environment; pip runs only when a requirements file changed.
python_env() {
  local folder=$1 stamp
  shift
  local options=()
  local file
  [[ -x $folder/bin/python ]] || /usr/bin/python3 -m venv "$folder"
  for file in "$@"; do
    stamp=$folder/$(basename "$file")
    cmp -s "$file" "$stamp" && continue
    say "installing Python packages of ${file##*/}"
    options=(--quiet --disable-pip-version-check --no-deps --only-binary :all:)
    ! grep -q -- '--hash=' "$file" || options+=(--require-hashes)
    "$folder/bin/pip" install "${options[@]}" -r "$file"
    cp "$file" "$stamp"
  done
}

# format_requirements ROOT ARGUMENTS...: requirements files for the formats of the files named among the arguments.
format_requirements() {
  local root=$1 words
  shift
  words=" ${*,,} "
  [[ $words != *.hdf5* && $words != *.h5* ]] || echo "$root/bench/requirements-hdf5.txt"
  [[ $words != *.parquet* && $words != *.arrow* && $words != *.feather* ]] || echo "$root/bench/requirements-arrow.txt"
}

# The last resort of the exit traps: Python stops its server itself unless it was killed.
stop_server() {
  local data=$1 bin
  [[ -e $data/postmaster.pid ]] || return 0
  bin=$("$PG_CONFIG" --bindir)
  if ((EUID == 0)); then
    setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=+dac_override --ambient-caps=+dac_override \
      "$bin/pg_ctl" -D "$data" -m immediate -w stop > /dev/null 2>&1 || true
  else
    "$bin/pg_ctl" -D "$data" -m immediate -w stop > /dev/null 2>&1 || true
  fi
}
