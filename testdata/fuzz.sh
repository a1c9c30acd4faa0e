#!/bin/sh
# fuzz.sh TIME FILE TARGET runs one fuzz target with one worker and prints what Go says of it. Go calls it a failure when
# the time runs out while a worker is starting; that counts as passed.
log=$(mktemp)
status=0
CGO_ENABLED=0 ${GO:-go} test -run '^$' -fuzz "^$3\$" -fuzztime "$1" -fuzzminimizetime 100x -parallel 1 "$(dirname "$2")" >"$log" 2>&1 || status=1
if [ "$status" = 1 ] && grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
	sed -i.bak '/^FAIL$/d; s/^FAIL/ok/' "$log"
	status=0
fi
cat "$log"
rm -f "$log" "$log.bak"
exit "$status"
