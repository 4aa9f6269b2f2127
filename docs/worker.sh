#!/bin/sh
# A worker in shell: it takes jobs of the task "wordcount" one by one, counts the words of a file, and hands in the
# number. PQKIT_API is where `pqkit api` listens, PQKIT_TOKEN a token with the scope "work".
set -eu

ask() { # ask PATH JSON: the body of the answer; fails where the service says no
    curl --silent --show-error --fail --retry 5 --retry-connrefused --max-time 60 --data "$2" \
        --header "Authorization: Bearer $PQKIT_TOKEN" --header "Content-Type: application/json" "$PQKIT_API$1"
}
field() { # field NAME: the first text of that name in a JSON object; jq is better where there is one
    sed -n "s/\"$1\":\"\([^\"]*\)\"/\n\1\n/; t found; d; :found; s/^[^\n]*\n\([^\n]*\)\n.*/\1/p"
}

worker=$(ask /workers "{\"name\": \"shell-$$\", \"tasks\": [\"wordcount\"]}" | field worker)
# Each request is a heartbeat; this one is for jobs that take long. It ends with this shell, however that ends.
while kill -0 $$ 2>/dev/null && sleep 5; do ask "/workers/$worker/beat" '{}' >/dev/null || exit; done &

while job=$(ask "/workers/$worker/claim" '{"wait": 20}'); do
    lease=$(echo "$job" | field lease)
    [ -n "$lease" ] || continue
    case $lease in *[!0-9a-f-]*) exit 1 ;; esac # the service names no other
    path=$(echo "$job" | field path)
    if words=$(wc -w <"$path"); then
        end=finish sent="{\"result\": $words}"
    else
        end=fail sent="{\"error\": \"cannot read $path\"}"
    fi
    ask "/leases/$lease/$end" "$sent" || echo "the lease was lost: somebody else has the job" >&2
done
