#!/bin/sh
# Prints the variables of compose.yaml with new secrets. Run it once and keep what it prints: without the pepper every
# key is invalid. The secrets are hexadecimal, so that they can be part of a URL.
set -eu
for name in POSTGRES_PASSWORD CLICKHOUSE_PASSWORD MILLIMETRIC_PEPPER MILLIMETRIC_IP_SALT MILLIMETRIC_METRICS_TOKEN; do
    secret=$(openssl rand -hex 32)
    printf '%s=%s\n' "$name" "$secret"
done
