#!/bin/sh
# Makes the secrets of docker-compose.yml, each in a file of its own in secrets/. One that is there stays as it is.
set -eu
cd "$(dirname "$0")/.."
umask 022

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

write() { # name, value
  if [ -e "secrets/$1" ]; then
    echo "secrets/$1 is there already"
  else
    printf '%s\n' "$2" > "secrets/$1.new"
    mv "secrets/$1.new" "secrets/$1"
    echo "secrets/$1 made"
  fi
}

# Containers read the files under ids of their own, so the files are open to all and the folder to its owner alone.
mkdir -p secrets
chmod 700 secrets
write llm_api_key.txt "$(random)"
write qdrant_api_key.txt "$(random)"
write session_secret.txt "$(random)"
write postgres_password.txt "$(random)"
write database_url.txt "postgresql://docent:$(cat secrets/postgres_password.txt)@postgres/docent"
