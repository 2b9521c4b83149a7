#!/bin/sh
# with-secrets.sh NAME=FILE ... -- COMMAND ...
# Runs a command with environment variables that are read from files, for images that take their secrets from the
# environment only (vLLM, Qdrant). The configuration of a container then holds the names of files, and no secret.
set -eu

while [ "$#" -gt 0 ] && [ "$1" != "--" ]; do
  name=${1%%=*}
  file=${1#*=}
  if [ ! -r "$file" ]; then
    echo "with-secrets: $file cannot be read: run deploy/make-secrets.sh where docker-compose.yml is" >&2
    exit 1
  fi
  value=$(cat "$file")
  if [ -z "$value" ]; then
    echo "with-secrets: $file is empty: delete it, and run deploy/make-secrets.sh where docker-compose.yml is" >&2
    exit 1
  fi
  export "$name=$value"
  shift
done
shift
exec "$@"
