# Debian systems in folders, to run commands in by chroot: what versions.sh, install.sh and pg_features.sh share. Needs root and debootstrap,
# bench/lib.sh, and root as the repository's folder. VQ_DATA, if set, is mounted into the folders.
# shellcheck shell=bash

cache=${VQ_VERSIONS:-$root/build/versions} # where the folders are
tree=/srv/vector_quant                     # the repository in a folder

# The mirror that this machine's apt uses for Debian itself.
mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null |
    sed -nE 's/^(URIs:|deb( \[.*\])?) *(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

# Runs a command in a folder, as root, with mounts and processes of its own: whatever it leaves behind goes with it.
inside() { # FOLDER COMMAND...
  local folder=$1
  shift
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$0/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
    [[ -z $VQ_DATA ]] || { mkdir -p "$0/srv/data" && mount --bind -o ro "$VQ_DATA" "$0/srv/data"; }
    exec chroot "$0" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive VQ_DATA=${VQ_DATA:+/srv/data} PIP_DISABLE_PIP_VERSION_CHECK=1 "$@"' "$folder" "$@"
}

# What the machine's package clients need to reach their servers, the folder's need, too.
pass_settings() { # FOLDER
  local file
  cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
  for file in /etc/apt/apt.conf.d/* /etc/apt/auth.conf.d/* /etc/pip.conf; do
    [[ ! -f $file ]] || ! grep -qiE 'acquire|machine|\[global\]' "$file" || install -D -m 644 "$file" "$1$file"
  done
  rm -rf "$1/etc/ssl/certs" # its links would be followed out of the folder
  cp -rL /etc/ssl/certs "$1/etc/ssl/"
}

new_folder() { # FOLDER SUITE
  say "making ${1#"$root/"} (Debian $2)"
  mkdir -p "${1%/*}"
  rm -rf "$1" "$1.new"
  debootstrap --variant=minbase --include=ca-certificates "$2" "$1.new" "$(mirror)" > "$1.log" 2>&1 || {
    tail -n 20 "$1.log" >&2
    die "debootstrap $2 failed: $1.log"
  }
  pass_settings "$1.new"
  mkdir -p "$1.new/etc/postgresql-common/createcluster.d"
  echo 'create_main_cluster = off' > "$1.new/etc/postgresql-common/createcluster.d/vector_quant.conf"
  mv "$1.new" "$1"
}

install_inside() { # FOLDER PACKAGES...
  local folder=$1
  shift
  inside "$folder" bash -c 'apt-get -qq update && apt-get -qq -y --no-install-recommends install "$@"' _ "$@" \
    >> "$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; return 1; }
}

# What git tracks or would track, as it is now.
copy_tree() { # FOLDER
  mkdir -p "$1$tree"
  # Objects and parts of the install script go, too: times say little across checkouts.
  rm -rf "$1$tree/build/sql"
  find "$1$tree" -path "$1$tree/build" -prune -o -type f -exec rm -f {} +
  git -C "$root" ls-files -co --exclude-standard | tar -C "$root" -c -T - | tar -x -C "$1$tree"
}
