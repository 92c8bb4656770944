#!/usr/bin/env bash
# Builds the Dockerfile and runs the image as docs/deployment.md says, without Docker: by Debian's buildah,
# podman and runc, as root. Prints what the image's user is and may write, and generates an image in it.
#
#   tests/try_image.sh FOLDER [--stand-in]
#
# FOLDER: for the image's layers, some 20 GB, kept for the next time. --stand-in: where no registry of images
# and no index of PyTorch can be reached, Debian 12 with its Python 3.11 stands for python:3.12-slim-bookworm
# (by debootstrap), and torch comes from where pip is set to look.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
folder=$(cd "$1" && pwd)
export CONTAINERS_STORAGE_CONF="$folder/storage.conf"
printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/layers"\n' "$folder" "$folder" \
    >"$CONTAINERS_STORAGE_CONF"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
git archive HEAD | tar -x -C "$context"
options=(--isolation chroot --network host --format docker --layers --tag iri-explorer:trial)
if [ "${2:-}" = --stand-in ]; then
    base=docker.io/library/python:3.12-slim-bookworm
    if ! podman image exists "$base"; then
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder/debian"
        ln -s python3 "$folder/debian/usr/bin/python"
        tar -C "$folder/debian" -c . | podman import - "$base"
    fi
    sed -i 's|--index-url "[^"]*"||' "$context/Dockerfile"
    options+=(--pull-never --volume /etc/ssl/certs:/etc/ssl/certs:ro)
fi
buildah bud "${options[@]}" "$context"

run=(podman --cgroup-manager cgroupfs --runtime runc run --rm --network host --no-healthcheck
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024
    --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
    --memory 6g --pids-limit 512 --env IRI_OFFLINE=1 iri-explorer:trial)
"${run[@]}" id
echo "What it may write:"
"${run[@]}" find / -xdev '(' -path /proc -o -path /dev -o -path /sys ')' -prune -o -type d -writable -print \
    2>/dev/null || true # where it may not even look
echo "What of the code is not root's:"
"${run[@]}" find /opt/iri /usr ! -user root -print -quit
"${run[@]}" iri generate --model embedded:imagenette-residual-adv1 --target astronaut --steps 20 --out /tmp/iri
