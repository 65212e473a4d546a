#!/bin/sh
# npm run faults -- [--seeds N] [--start S]: the story of test/e2e/faults.test.ts under many seeds, about four minutes each.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

seeds=10
seed=1
while [ $# -gt 0 ]; do
  case $1 in
  --seeds) seeds=$2 ;;
  --start) seed=$2 ;;
  *) die "usage: npm run faults -- [--seeds N] [--start S]" ;;
  esac
  shift 2
done

end=$((seed + seeds))
failed=
while [ "$seed" -lt "$end" ]; do
  ROOKERY_TEST_SEED=$seed sh scripts/test.sh test/e2e/faults.test.ts || failed="$failed $seed"
  seed=$((seed + 1))
done
[ -z "$failed" ] || die "of $seeds seeds these failed:$failed; replay one: npm run faults -- --seeds 1 --start SEED"
echo "$seeds seeds: none failed"
